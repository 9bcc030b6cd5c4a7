"""IAM policies are evaluated against what AWS evaluates them against."""

import json
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from local.ministack import start_ministack
from local.process import end, free_ports
from local.settings import REGION
from tests.emulator.conftest import Aws
from tests.support import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = f"arn:aws:dynamodb:{REGION}:000000000000:table/rights"
# A condition that lets a caller touch the items of `mine` alone.
OWN_ITEMS = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}

type Session = Callable[..., boto3.Session]


@pytest.fixture(scope="module", autouse=True)
def _table(aws: Aws) -> "Iterator[None]":
    """A table whose partition key is not called `pk`, with an index."""
    tables = aws.client("dynamodb")
    tables.create_table(
        TableName="rights",
        KeySchema=[
            {"AttributeName": "owner", "KeyType": "HASH"},
            {"AttributeName": "number", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "owner", "AttributeType": "S"},
            {"AttributeName": "number", "AttributeType": "S"},
            {"AttributeName": "kind", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "kinds",
                "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield
    tables.delete_table(TableName="rights")


@pytest.fixture
def session(aws: Aws) -> Session:
    """Return a user's session, allowed these actions."""

    def made(*actions: str, condition: Any = None) -> boto3.Session:
        iam, name = aws.client("iam"), f"user-{uuid4().hex}"
        statement = {
            "Effect": "Allow",
            "Action": actions,
            "Resource": [TABLE, f"{TABLE}/index/*", "arn:aws:sqs:*"],
        }
        if condition:
            statement["Condition"] = condition
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)

    return made


def allowed(call: Callable[[], Any]) -> bool:
    """Return whether the right is there; the call may fail otherwise."""
    try:
        call()
    except ClientError as error:
        return not error.response["Error"]["Code"].startswith("AccessDenied")
    return True


@pytest.mark.parametrize("right", ["sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"])
def test_a_right_covers_the_batch_and_no_other(aws: Aws, session: Session, right: str) -> None:
    url = aws.client("sqs").create_queue(QueueName=f"q-{uuid4().hex}")["QueueUrl"]
    queue = aws.client("sqs", session(right))
    handle = {"Id": "1", "ReceiptHandle": "any"}
    calls = {
        "sqs:SendMessage": lambda: queue.send_message_batch(
            QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "a"}]
        ),
        "sqs:DeleteMessage": lambda: queue.delete_message_batch(QueueUrl=url, Entries=[handle]),
        "sqs:ChangeMessageVisibility": lambda: queue.change_message_visibility_batch(
            QueueUrl=url, Entries=[{**handle, "VisibilityTimeout": 1}]
        ),
    }

    assert {name for name, call in calls.items() if allowed(call)} == {right}


def item(owner: str, number: str = "1") -> dict[str, Any]:
    return {"owner": {"S": owner}, "number": {"S": number}}


def everything(tables: Any, owner: str) -> dict[str, Callable[[], Any]]:
    """Return calls that touch an owner's items, in batches beside one of `mine`."""
    name, key, own = {"TableName": "rights"}, item(owner), item("mine", "2")
    values = {":o": {"S": owner}}
    insert = "INSERT INTO rights VALUE {'owner': ?, 'number': '3'}"
    inserts = [{"Statement": insert, "Parameters": [{"S": each}]} for each in ("mine", owner)]
    select = "SELECT * FROM rights WHERE number = ? AND owner = ?"
    return {
        "put": lambda: tables.put_item(**name, Item=key),
        "get": lambda: tables.get_item(**name, Key=key),
        "update": lambda: tables.update_item(**name, Key=key),
        "delete": lambda: tables.delete_item(**name, Key=key),
        "query": lambda: tables.query(
            **name,
            KeyConditionExpression="#o = :o",
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues=values,
        ),
        "batch get": lambda: tables.batch_get_item(RequestItems={"rights": {"Keys": [own, key]}}),
        "batch write": lambda: tables.batch_write_item(
            RequestItems={"rights": [{"PutRequest": {"Item": own}}, {"DeleteRequest": {"Key": key}}]}
        ),
        "transaction": lambda: tables.transact_write_items(
            TransactItems=[{"Put": {**name, "Item": own}}, {"Delete": {**name, "Key": key}}]
        ),
        "insert": lambda: tables.execute_statement(**inserts[1]),
        "select": lambda: tables.execute_statement(Statement=select, Parameters=[{"S": "1"}, {"S": owner}]),
        "statements": lambda: tables.batch_execute_statement(Statements=inserts),
        "statement transaction": lambda: tables.execute_transaction(TransactStatements=inserts[1:]),
    }


def test_leading_keys(aws: Aws, session: Session) -> None:
    tables = aws.client("dynamodb", session("dynamodb:*", condition=OWN_ITEMS))

    own = {name: allowed(call) for name, call in everything(tables, "mine").items()}
    others = {name: allowed(call) for name, call in everything(tables, "yours").items()}

    assert own == dict.fromkeys(own, True)
    assert others == dict.fromkeys(own, False)


def test_an_index_has_leading_keys_of_its_own(aws: Aws, session: Session) -> None:
    tables = aws.client("dynamodb", session("dynamodb:*", condition=OWN_ITEMS))

    def query(kind: str) -> Any:
        return tables.query(
            TableName="rights",
            IndexName="kinds",
            KeyConditionExpression="kind = :k",
            ExpressionAttributeValues={":k": {"S": kind}},
        )

    assert allowed(lambda: query("mine"))
    assert not allowed(lambda: query("yours"))


@pytest.mark.parametrize(
    ("right", "statement"),
    [
        ("Insert", "INSERT INTO rights VALUE {'owner': 'a', 'number': '1'}"),
        ("Select", "SELECT * FROM rights WHERE owner = 'a'"),
        ("Select", 'SELECT * FROM "rights"."kinds" WHERE kind = \'a\''),
        ("Update", "UPDATE rights SET kind = 'b' WHERE owner = 'a' AND number = '1'"),
        ("Delete", "DELETE FROM rights WHERE owner = 'a' AND number = '1'"),
    ],
)
def test_partiql_rights(aws: Aws, session: Session, right: str, statement: str) -> None:
    may = aws.client("dynamodb", session(f"dynamodb:PartiQL{right}"))
    others = {"Insert", "Select", "Update", "Delete"} - {right}
    may_not = aws.client("dynamodb", session(*(f"dynamodb:PartiQL{each}" for each in sorted(others))))

    assert allowed(lambda: may.execute_statement(Statement=statement))
    assert allowed(lambda: may.batch_execute_statement(Statements=[{"Statement": statement}]))
    assert not allowed(lambda: may_not.execute_statement(Statement=statement))
    assert not allowed(lambda: may_not.batch_execute_statement(Statements=[{"Statement": statement}]))


def test_another_table_is_not_covered(aws: Aws, session: Session) -> None:
    tables = aws.client("dynamodb", session("dynamodb:PartiQLSelect"))

    assert not allowed(lambda: tables.execute_statement(Statement="SELECT * FROM other WHERE pk = 'a'"))


def test_unless_rights_are_evaluated_everything_is_allowed(tmp_path: "Path") -> None:
    (port,) = free_ports(1)
    server = start_ministack(port, tmp_path, evaluate_iam=False)
    try:
        aws = Aws(port)
        iam = aws.client("iam")
        iam.create_user(UserName="anyone")
        key = iam.create_access_key(UserName="anyone")["AccessKey"]
        anyone = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
        stranger = boto3.Session("test", "test", region_name=REGION)

        assert allowed(lambda: aws.client("sqs", anyone).list_queues())
        with pytest.raises(ClientError, match="security token"):
            aws.client("sqs", stranger).list_queues()
        server.send_signal(signal.SIGUSR1)
        assert wait_until(lambda: not allowed(lambda: aws.client("sqs", anyone).list_queues()), within=5)
    finally:
        end(server)
