"""Messages as gateways hand them over."""

import secrets


def pager(to="sip:alice@example.org", sender="sip:carol@example.org", subject="Site visit", text="Moved to ten.", more=""):
    """A SIP MESSAGE request, of its own Call-ID."""
    body = text.encode()
    head = (
        f"MESSAGE {to} SIP/2.0\r\n"
        "Via: SIP/2.0/UDP proxy.example.org;branch=z9hG4bK776\r\n"
        f"From: <{sender}>;tag=1\r\nTo: <{to}>\r\n"
        f"Call-ID: {secrets.token_hex(8)}\r\nCSeq: 1 MESSAGE\r\n"
        f"Subject: {subject}\r\n{more or 'Content-Type: text/plain' + chr(13) + chr(10)}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def asking(to="sip:alice@example.org"):
    """A message whose sender wants a delivery report."""
    cpim = (
        "From: <sip:carol@example.org>\r\nTo: <sip:alice@example.org>\r\n"
        "DateTime: 2026-10-01T08:15:30Z\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
        f"imdn.Message-ID: {secrets.token_hex(8)}\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n"
        "\r\nContent-Type: text/plain\r\n\r\nhi"
    )
    return pager(to, sender=f"sip:{secrets.token_hex(4)}@example.org", text=cpim, more="Content-Type: message/cpim\r\n")


BOUNDARY = "parts"


def large():
    """The parts of a large message, as multipart/mixed with BOUNDARY."""
    call = secrets.token_hex(8)
    common = (
        "Via: SIP/2.0/TCP proxy.example.org;branch=z9hG4bK1\r\nFrom: <sip:carol@example.org>;tag=1\r\n"
        f"To: <sip:alice@example.org>{{tag}}\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:proxy.example.org>\r\nContent-Length: 0\r\n\r\n"
    )
    content = b"A long text."
    parts = {
        "invite": ("INVITE sip:alice@example.org SIP/2.0\r\n" + common.format(tag="")).encode(),
        "ok": ("SIP/2.0 200 OK\r\n" + common.format(tag=";tag=2")).encode(),
        "send": (
            "MSRP a786hjs2 SEND\r\nTo-Path: msrp://b.example.org:2855/y;tcp\r\nFrom-Path: msrp://a.example.org:2855/x;tcp\r\n"
            f"Message-ID: {secrets.token_hex(6)}\r\nByte-Range: 1-{len(content)}/{len(content)}\r\n"
            "Content-Type: text/plain\r\n\r\n"
        ).encode() + content + b"\r\n-------a786hjs2$\r\n",
    }
    whole = b""
    for name, octets in parts.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: attachment; name="{name}"\r\n\r\n'
        whole += head.encode() + octets + b"\r\n"
    return whole + f"--{BOUNDARY}--\r\n".encode()
