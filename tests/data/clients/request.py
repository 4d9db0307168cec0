"""Sends one HTTP request with urllib and prints the answer as JSON.

Arguments: the method, the URL, and header fields as "Name: value". The body comes from standard input.
"""

import json
import sys
import urllib.error
import urllib.request

method, url, *fields = sys.argv[1:]
body = sys.stdin.buffer.read() or None
headers = dict(field.split(": ", 1) for field in fields)
request = urllib.request.Request(url, data=body, headers=headers, method=method)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    answer = opener.open(request, timeout=30)
except urllib.error.HTTPError as error:
    answer = error
head = {name.lower(): value for name, value in answer.headers.items()}
print(json.dumps({"status": answer.status, "headers": head, "body": answer.read().decode()}))
