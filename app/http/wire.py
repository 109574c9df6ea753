"""Uvicorn's HTTP/1.1 protocol with one change: what is not HTTP at all gets a problem too."""

from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http.problems import MEDIA_TYPE, problem_response


class ProblemProtocol(HttpToolsProtocol):
    """Passed to uvicorn as `http`."""

    def send_400_response(self, msg: str) -> None:
        """Answer a broken request line, header or chunk, and close."""
        request_id = str(uuid4())
        answer = problem_response(
            status=400, code="invalid_http", title="Bad request", detail=msg, path="/", request_id=request_id
        )
        body = bytes(answer.body)
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\nx-request-id: {request_id}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
