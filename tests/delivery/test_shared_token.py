"""One token for all environments, on a real secret and a real table; time passes by sleeping alone."""

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pytest

from kii_push.common import aws
from kii_push.errors import KiiUnreachable, LedgerError, LoginFailed, PushError, SecretError
from kii_push.kii.credentials import Credentials, CredentialsSource
from kii_push.kii.shared_token import WAIT_SECONDS, Session, SharedToken
from kii_push.kii.stored_token import SharedTokenError, StoredToken, Token
from kii_push.kii.token_lease import FAILURE_SECONDS, LEASE_SECONDS, Lease, TokenLease
from kii_push.kii.tokens import TokenSource
from tests.doubles.aws_clients import patched, refused, unreachable
from tests.doubles.mock_kii import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

HOUR = 3600


class Kii:
    """Kii's logins, the app's secret, and environments that share a token."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self.dynamodb = dynamodb
        self.secrets = aws.secrets_manager()
        self.table = table
        self.token_secret = f"token-{uuid4().hex}"
        self.secrets.create_secret(Name=self.token_secret)
        self.in_secret = "first"
        self.logins: list[str] = []
        self.during_login: Callable[[], object] = lambda: None
        self.clock = Clock()
        self.clock.now = time.time()
        self.lease = TokenLease(dynamodb, table, self.clock)

    def environment(
        self, *, secrets: "SecretsManagerClient | None" = None, dynamodb: "DynamoDBClient | None" = None
    ) -> TokenSource:
        """Return what a cold start makes."""
        shared = SharedToken(
            StoredToken(secrets or self.secrets, self.token_secret),
            TokenLease(dynamodb or self.dynamodb, self.table, self.clock),
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        return TokenSource(self.credentials(), self.mint, shared, self.clock)

    def credentials(self) -> CredentialsSource:
        secrets = cast("SecretsManagerClient", SimpleNamespace(get_secret_value=self._get_secret_value))
        return CredentialsSource("kii/app", secrets, self.clock)

    def mint(self, credentials: Credentials, lifetime: int) -> tuple[str, int]:
        self.logins.append(credentials.client_secret)
        self.during_login()
        self.clock.now += 0.25
        return f"token-{len(self.logins)}", lifetime

    def hold_lease(self) -> Lease:
        lease = self.lease.take("of somebody who logs in")
        assert lease
        return lease

    def item(self) -> dict[str, Any]:
        key = {"pk": {"S": "lease#token"}}
        return dict(
            self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {})
        )

    def stored(self) -> Token:
        token = StoredToken(self.secrets, self.token_secret).read()
        assert token
        return token

    def _get_secret_value(self, **_: str) -> dict[str, str]:
        secret = {"appID": "a", "clientID": "c", "clientSecret": self.in_secret, "site": "jp"}
        return {"SecretString": json.dumps(secret)}


@pytest.fixture
def kii(dynamodb: "DynamoDBClient", table: str) -> Kii:
    return Kii(dynamodb, table)


def value(session: Session) -> str:
    return session.token.value


def fail(error: PushError) -> Callable[..., Any]:
    def raise_error(*_: object, **__: object) -> None:
        raise error

    return raise_error


def test_the_second_environment_uses_the_first_ones_token(kii: Kii) -> None:
    assert value(kii.environment().get()) == "token-1"
    before = kii.item()
    second = kii.environment().get()

    assert (value(second), second.credentials.client_secret) == ("token-1", "first")
    assert kii.logins == ["first"]
    assert kii.item() == before, "the table is not asked for a token that is good"


def test_the_lease_names_nothing_secret_and_goes_away(kii: Kii) -> None:
    kii.during_login = lambda: held.append(kii.item())
    held: list[dict[str, Any]] = []
    kii.environment().get()

    item = kii.item()
    assert item.keys() == {"pk", "version", "expires"}
    assert held[0].keys() == {"pk", "holder", "heldUntil", "expires"}
    assert int(held[0]["heldUntil"]["N"]) == pytest.approx(kii.clock.now + LEASE_SECONDS, abs=2)
    assert int(item["expires"]["N"]) == pytest.approx(time.time() + 86_400, abs=10)
    assert "token-1" not in str(held) + str(item)


def test_a_rejected_token_is_replaced_by_one_environment_for_all(kii: Kii) -> None:
    environments = [kii.environment() for _ in range(3)]
    rejected = [each.get() for each in environments]

    replaced = [each.replace(old) for each, old in zip(environments, rejected, strict=True)]

    assert {value(session) for session in replaced} == {"token-2"}
    assert kii.logins == ["first", "first"]


def test_a_token_that_others_rejected_is_not_taken_from_the_secret(kii: Kii) -> None:
    first, second = kii.environment(), kii.environment()
    old = first.get()
    kii.clock.now += 1
    second.replace(second.get())
    newer = first.replace(old)
    # Somebody puts the older token back, as a restored secret would.
    StoredToken(kii.secrets, kii.token_secret).write(old.token)

    assert value(first.replace(newer)) == "token-3"


def test_a_token_that_is_due_is_replaced_by_one_environment_and_used_by_the_others(kii: Kii) -> None:
    first, second = kii.environment(), kii.environment()
    assert value(first.get()) == value(second.get()) == "token-1"
    kii.clock.now += HOUR * 0.9
    during: list[str] = []
    kii.during_login = lambda: during.extend(value(each.get()) for each in (second, kii.environment()))

    assert value(first.get()) == "token-2"
    assert during == ["token-1", "token-1"]
    assert not kii.clock.slept
    kii.clock.now += 5
    assert value(second.get()) == "token-2"
    assert len(kii.logins) == 2


@pytest.mark.parametrize("failure", [KiiUnreachable("Kii cannot be reached"), LoginFailed("no token")])
def test_a_token_that_is_due_is_used_on_while_logins_fail(kii: Kii, failure: PushError) -> None:
    kii.environment().get()
    kii.clock.now += HOUR * 0.9
    kii.during_login = fail(failure)

    assert [value(kii.environment().get()) for _ in range(3)] == ["token-1"] * 3
    assert len(kii.logins) == 2, "those that come second know that it failed"
    kii.clock.now += HOUR
    with pytest.raises(type(failure)):
        kii.environment().get()


def test_an_environment_without_a_token_waits_for_the_one_that_logs_in(kii: Kii) -> None:
    lease = kii.hold_lease()
    credentials = kii.credentials().get()

    def sleep(seconds: float) -> None:
        kii.clock.sleep(seconds)
        if len(kii.clock.slept) == 5:
            token = Token("theirs", credentials.fingerprint, kii.clock.now, kii.clock.now + HOUR)
            version = StoredToken(kii.secrets, kii.token_secret).write(token)
            kii.lease.release(lease, version=version, failed=None)

    shared = SharedToken(StoredToken(kii.secrets, kii.token_secret), kii.lease, clock=kii.clock, sleep=sleep)
    assert value(TokenSource(kii.credentials(), kii.mint, shared, kii.clock).get()) == "theirs"
    assert kii.logins == []
    assert all(0.1 <= slept <= 1 for slept in kii.clock.slept)


def test_the_lease_of_an_environment_that_died_is_taken_over(kii: Kii) -> None:
    kii.hold_lease()
    begun = kii.clock.now

    assert value(kii.environment().get()) == "token-1"
    assert LEASE_SECONDS - 1 <= kii.clock.now - begun <= WAIT_SECONDS


def test_an_environment_that_came_back_after_its_lease_leaves_the_next_ones(kii: Kii) -> None:
    late = kii.hold_lease()
    kii.clock.now += LEASE_SECONDS
    kii.hold_lease()
    before = kii.item()

    kii.lease.release(late, version="late", failed="late")

    assert kii.item() == before


def test_an_environment_that_waits_too_long_logs_in_by_itself(kii: Kii) -> None:
    def hold_again(seconds: float) -> None:
        kii.clock.sleep(seconds)
        kii.lease.take("another")

    kii.hold_lease()
    begun = kii.clock.now
    shared = SharedToken(
        StoredToken(kii.secrets, kii.token_secret), kii.lease, clock=kii.clock, sleep=hold_again
    )
    session = TokenSource(kii.credentials(), kii.mint, shared, kii.clock).get()

    assert value(session) == "token-1"
    assert kii.clock.now - begun == pytest.approx(WAIT_SECONDS, abs=2)


def test_a_failed_login_is_known_to_all_environments_for_ten_seconds(kii: Kii) -> None:
    kii.during_login = fail(LoginFailed("wrong"))
    with pytest.raises(LoginFailed, match="wrong"):
        kii.environment().get()
    for _ in range(3):
        with pytest.raises(LoginFailed, match="a moment ago") as caught:
            kii.environment().get()
        assert 0 < (caught.value.retry_after or 0) <= FAILURE_SECONDS
    assert kii.logins == ["first"]
    assert kii.item().keys() == {"pk", "failedUntil", "failedCredentials", "expires"}

    kii.during_login = lambda: None
    kii.clock.now += FAILURE_SECONDS + 1
    assert value(kii.environment().get()) == "token-2"
    assert kii.item().keys() == {"pk", "version", "expires"}


def test_other_credentials_are_tried_at_once_after_a_failed_login(kii: Kii) -> None:
    kii.during_login = fail(LoginFailed("wrong"))
    with pytest.raises(LoginFailed):
        kii.environment().get()
    kii.in_secret = "second"
    kii.during_login = lambda: None

    assert value(kii.environment().get()) == "token-2"
    assert kii.logins == ["first", "second"]


def test_an_environment_that_missed_a_rotation_takes_up_the_new_credentials(kii: Kii) -> None:
    late = kii.environment()
    late.get()
    kii.in_secret = "second"
    assert value(kii.environment().get()) == "token-2"
    kii.clock.now += HOUR * 0.9
    kii.environment().get()
    kii.hold_lease()

    session = late.get()
    assert not kii.clock.slept, "it needs no lease for that"
    assert (value(session), session.credentials.client_secret) == ("token-3", "second")
    assert kii.logins == ["first", "second", "second"]


def test_the_last_token_is_found_by_its_version_where_the_secret_still_shows_the_one_before(kii: Kii) -> None:
    first = kii.environment()
    old = kii.secrets.get_secret_value
    first.get()
    before = old(SecretId=kii.token_secret)
    first.replace(first.get())

    def get_secret_value(**asked: str) -> Any:
        return old(**asked) if "VersionId" in asked else before

    late = kii.environment(secrets=patched(kii.secrets, get_secret_value=get_secret_value))
    assert value(late.replace(late.get())) == "token-2"
    assert len(kii.logins) == 2


@pytest.mark.parametrize(
    "content",
    [
        "null",
        "not JSON",
        "[]",
        '{"value": "t"}',
        '{"value": "a\\nb", "credentials": "", "mintedAt": 1, "expiresAt": 9e9}',
    ],
)
def test_what_is_no_token_is_replaced_by_one(kii: Kii, content: str) -> None:
    kii.secrets.put_secret_value(SecretId=kii.token_secret, SecretString=content)

    assert value(kii.environment().get()) == "token-1"
    assert kii.stored().value == "token-1"


def test_what_is_stored_is_the_token_with_its_times_and_the_hash_of_its_credentials(kii: Kii) -> None:
    kii.environment().get()

    content = json.loads(kii.secrets.get_secret_value(SecretId=kii.token_secret)["SecretString"])
    assert content == {
        "value": "token-1",
        "credentials": kii.credentials().get().fingerprint,
        "mintedAt": pytest.approx(kii.clock.now, abs=1),
        "expiresAt": pytest.approx(kii.clock.now + HOUR, abs=1),
    }


def test_without_the_table_an_environment_logs_in_by_itself(kii: Kii) -> None:
    broken = kii.environment(dynamodb=patched(kii.dynamodb, update_item=refused("ResourceNotFoundException")))
    assert [value(broken.get()), value(broken.get())] == ["token-1", "token-1"]
    assert kii.logins == ["first"]


def test_a_busy_table_is_waited_for(kii: Kii) -> None:
    calls = iter([refused("ThrottlingException"), refused("ProvisionedThroughputExceededException")])

    def update_item(**call: Any) -> Any:
        return next(calls, kii.dynamodb.update_item)(**call)

    assert value(kii.environment(dynamodb=patched(kii.dynamodb, update_item=update_item)).get()) == "token-1"
    assert len(kii.clock.slept) == 2
    assert kii.stored().value == "token-1"


def test_without_the_secret_an_environment_logs_in_by_itself(kii: Kii) -> None:
    kii.secrets.delete_secret(SecretId=kii.token_secret, ForceDeleteWithoutRecovery=True)
    missing = kii.environment()
    assert [value(missing.get()), value(missing.get())] == ["token-1", "token-1"]
    assert kii.item().keys() == {"pk", "expires"}, "the lease is given back"

    broken = kii.environment(secrets=unreachable("secretsmanager"))
    assert value(broken.get()) == "token-2"


def test_a_token_that_cannot_be_written_is_used_all_the_same(kii: Kii) -> None:
    secrets = patched(kii.secrets, put_secret_value=refused("LimitExceededException"))
    assert value(kii.environment(secrets=secrets).get()) == "token-1"
    assert value(kii.environment().get()) == "token-2"


def test_a_lease_that_cannot_be_given_back_runs_out(kii: Kii) -> None:
    calls = iter([kii.dynamodb.update_item, refused("InternalServerError")])

    def update_item(**call: Any) -> Any:
        return next(calls)(**call)

    assert value(kii.environment(dynamodb=patched(kii.dynamodb, update_item=update_item)).get()) == "token-1"
    assert "holder" in kii.item()
    assert value(kii.environment().get()) == "token-1"


def test_a_lease_whose_answer_was_lost_is_ours(kii: Kii) -> None:
    def update_item(**call: Any) -> Any:
        kii.dynamodb.update_item(**call)
        return kii.dynamodb.update_item(**call)

    lease = TokenLease(patched(kii.dynamodb, update_item=update_item), kii.table).take("credentials")
    assert lease
    assert lease.holder == kii.item()["holder"]["S"]


def test_the_lease_is_given_back_when_the_apps_secret_cannot_be_read(kii: Kii) -> None:
    source = kii.credentials()
    shared = SharedToken(StoredToken(kii.secrets, kii.token_secret), kii.lease, clock=kii.clock)
    source.get()
    kii.in_secret = ""

    with pytest.raises(SecretError):
        shared.session(source, fail(LoginFailed("not asked")))
    assert kii.item().keys() == {"pk", "expires"}


def test_a_table_or_secret_that_fails_is_named_as_such(kii: Kii) -> None:
    with pytest.raises(SharedTokenError, match=r"^the secret .* refused: AccessDeniedException$"):
        StoredToken(
            patched(kii.secrets, get_secret_value=refused("AccessDeniedException")), kii.token_secret
        ).read()
    kii.secrets.get_secret_value(SecretId=kii.token_secret)
    with pytest.raises(LedgerError, match=r"^the ledger cannot be reached: "):
        TokenLease(unreachable("dynamodb"), kii.table).take("credentials")
