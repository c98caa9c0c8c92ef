//! Requests, as they go over the wire.

/// A GET request.
pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = authorization(token);
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{authorization}\r\n").into_bytes()
}

/// A POST request with a JSON body.
pub(crate) fn post(path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    send("POST", path, token, "application/json", body)
}

/// A request with a body.
pub(crate) fn send(method: &str, path: &str, token: Option<&str>, media_type: &str, body: &str) -> Vec<u8> {
    let (authorization, length) = (authorization(token), body.len());
    let head = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\n{authorization}content-type: {media_type}\r\n");
    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Many of them in one file, each after a byte that is in none of them.
pub(crate) fn all(requests: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut file = Vec::new();
    for request in requests {
        file.push(0);
        file.extend(request);
    }
    file
}

fn authorization(token: Option<&str>) -> String {
    token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"))
}
