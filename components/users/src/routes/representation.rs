//! What a caller gets to see of a user that was made or changed: all of it, or as little as they prefer (RFC 7240).

use crate::store::{User, user_response};
use service_kit::{Request, Response, StatusCode};

/// The response to a request that made or changed a user.
pub(super) fn changed_user(request: &Request, status: StatusCode, user: &User) -> Response {
    let mut response = user_response(status, user);
    if request.prefers_minimal() {
        if status == StatusCode::OK {
            response.body_mut().clear();
            response.headers_mut().remove("content-type");
            *response.status_mut() = StatusCode::NO_CONTENT;
        } else {
            // A 201 says what was made: whoever reads a body always finds JSON with the id.
            *response.body_mut() = serde_json::json!({"id": user.id}).to_string().into_bytes();
        }
        service_kit::set_header(&mut response, "preference-applied", "return=minimal");
    }
    response
}
