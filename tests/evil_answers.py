"""Answers that are evil whatever was asked: to a push, they say nothing about the import."""

import gzip

from evil_server import answering, cut_after, pouring, saying

#: More than anybody should hold in memory, and what the service may have at most.
HUGE = 200 * 1024 * 1024
MEMORY_KIB = 150 * 1024

CUTS = {
    f"{how} {what}": cut_after(share, resets=how == "reset")
    for how in ("cut", "reset")
    for what, share in (
        ("before the answer", 0.0),
        ("in the status line", 0.05),
        ("in the headers", 0.4),
        ("in the body", 0.9),
    )
}
HEAD = b"HTTP/1.1 200 OK\r\n"
NO_HTTP = {
    "nothing": saying(b""),
    "garbage": saying(b"\x00\xff\x80no such protocol\r\n\r\n"),
    "zeros": saying(bytes(100_000)),
    "ssh": saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "http 2": saying(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)),
    "http 0.9": saying(b"<html>hello</html>\n"),
    "an alert of TLS": saying(b"\x15\x03\x01\x00\x02\x02\x28"),
    "a status of no digits": saying(b"HTTP/1.1 OK 200\r\n\r\n"),
    "a status of four digits": saying(b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    "a negative status": saying(b"HTTP/1.1 -200 OK\r\nContent-Length: 0\r\n\r\n"),
    "switched protocols": saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "a line without end": saying(b"HTTP/1.1 200 " + b"O" * 100_000 + b"\r\n\r\n"),
    "a header of 100 kB": saying(HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n"),
    "300 headers": saying(HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(300)) + b"\r\n"),
    "a header that is none": saying(HEAD + b"no colon here\r\n\r\n{}"),
    "bad chunks": saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nnonsense\r\n0\r\n\r\n"),
    "chunks that are cut": saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "a chunk of negative size": saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello"),
    "two lengths": saying(HEAD + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}"),
    "a negative length": saying(HEAD + b"Content-Length: -5\r\n\r\n{}"),
    "a length that is none": saying(HEAD + b"Content-Length: many\r\n\r\n{}"),
    "a body that is shorter": saying(HEAD + b"Content-Length: 400\r\n\r\n{}"),
}


BOMB = gzip.compress(bytes(HUGE), 9)
LENGTH = b"Content-Length: %d\r\n\r\n" % HUGE
BLOCK = b"x" * 65536
CHUNK = b"10000\r\n" + BLOCK + b"\r\n"
STARTED = b'{"importId": "f2b03cab-ba63-4525-bd59-c597f6721973", "rest": "'
BYTES = {
    "200 MB": pouring(HEAD + LENGTH, HUGE, BLOCK),
    "200 MB that begin well": pouring(HEAD + LENGTH + STARTED, HUGE, BLOCK),
    "200 MB in chunks": pouring(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", HUGE, CHUNK),
    "200 MB without a length": pouring(HEAD + b"\r\n", HUGE, BLOCK),
    "200 MB of headers": pouring(HEAD, HUGE, b"X-More: " + b"x" * 8000 + b"\r\n"),
    "200 MB of status line": pouring(b"HTTP/1.1 200 ", HUGE, BLOCK),
    "200 MB of an error": pouring(b"HTTP/1.1 500 Oops\r\n" + LENGTH, HUGE, BLOCK),
    "200 MB of a redirect": pouring(b"HTTP/1.1 302 Found\r\n" + LENGTH, HUGE, BLOCK),
    "a bomb of gzip": answering("200 OK", BOMB, "Content-Encoding: gzip"),
    "a bomb of deflate": answering("200 OK", BOMB[10:-8], "Content-Encoding: deflate"),
    "a bomb as transfer": answering("200 OK", BOMB, "Transfer-Encoding: gzip"),
    "a bomb in an error": answering("500 Oops", BOMB, "Content-Encoding: gzip"),
}


#: What a server may say of the time at which it wants to be asked again.
RETRY_AFTER = {
    "none": (),
    "a second": ("Retry-After: 1",),
    "no second": ("Retry-After: 0",),
    "negative": ("Retry-After: -30",),
    "a fraction": ("Retry-After: 1.5",),
    "garbage": ("Retry-After: soon",),
    "empty": ("Retry-After: ",),
    "very many digits": ("Retry-After: " + "9" * 400,),
    "a year of seconds": ("Retry-After: 31536000",),
    "past": ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT",),
    "in 1970": ("Retry-After: Thu, 01 Jan 1970 00:00:00 GMT",),
    "in 2099": ("Retry-After: Thu, 31 Dec 2099 23:59:59 GMT",),
    "no date": ("Retry-After: Mon, 99 Foo 2026 99:99:99 GMT",),
    "twice": ("Retry-After: 1", "Retry-After: 2"),
}
