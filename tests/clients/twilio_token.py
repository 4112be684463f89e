"""Compares an access token of the daemon's with what Twilio's own library makes of the same.

Prints "the same", or what differs.
"""

import os

import jwt
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant

TOKEN = os.environ["TOKEN"]
SECRET = os.environ["KEY_SECRET"]

ours = jwt.decode(TOKEN, SECRET, algorithms=["HS256"])
theirs = AccessToken(
    os.environ["ACCOUNT_SID"],
    os.environ["KEY_SID"],
    SECRET,
    identity=os.environ["IDENTITY"],
    nbf=ours["nbf"],
    ttl=int(os.environ["TTL"]),
    valid_until=ours["exp"],
)
theirs.add_grant(ChatGrant(service_sid=os.environ["SERVICE_SID"]))
made = theirs.to_jwt()
claims = jwt.decode(made, SECRET, algorithms=["HS256"])
# The time at which it was made is in it twice.
assert ours["jti"] == f"{os.environ['KEY_SID']}-{ours['nbf']}", ours["jti"]
assert ours["exp"] - ours["nbf"] == int(os.environ["TTL"]), ours
claims["jti"] = ours["jti"]
claims["exp"] = ours["exp"]

header = jwt.get_unverified_header(TOKEN)
if claims == ours and jwt.get_unverified_header(made) == header:
    print("the same")
else:
    print(header, ours, claims)
