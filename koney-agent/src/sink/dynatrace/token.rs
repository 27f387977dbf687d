//! The two kinds of credential, and how each is shown.

/// The text cannot be a token. Final until the Secret changes. Says nothing about the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds characters that no token has; store the token alone, without quotes or line breaks")]
pub(super) struct InvalidToken;

/// The value of `Authorization` for an access token or a platform token.
pub(super) fn authorization(token: &str) -> Result<String, InvalidToken> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidToken);
    }
    // Only access tokens of the classic kind use the scheme of their own.
    let scheme = if token.starts_with("dt0c01.") { "Api-Token" } else { "Bearer" };
    Ok(format!("{scheme} {token}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_decides_the_scheme() {
        for (text, header) in [
            ("dt0c01.PUBLIC.SECRET", "Api-Token dt0c01.PUBLIC.SECRET"),
            ("dt0s16.PUBLIC.SECRET", "Bearer dt0s16.PUBLIC.SECRET"),
            ("eyJhbGciOi.x.y", "Bearer eyJhbGciOi.x.y"),
            ("dt0c01x", "Bearer dt0c01x"),
        ] {
            assert_eq!(authorization(text).as_deref(), Ok(header));
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "two words", "a\nb", "\u{e9}", "a\u{7f}"] {
            assert_eq!(authorization(text), Err(InvalidToken), "{text:?}");
        }
    }
}
