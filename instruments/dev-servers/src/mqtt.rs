//! Packets of MQTT 3.1.1, for whoever publishes as the services do.

use std::num::TryFromIntError;

/// A text: its length, then itself (section 1.5.3).
///
/// # Errors
/// If it has more than 65,535 bytes.
pub fn text(text: &str) -> Result<Vec<u8>, TryFromIntError> {
    Ok([&u16::try_from(text.len())?.to_be_bytes(), text.as_bytes()].concat())
}

/// A packet: its kind, the length in groups of seven bits (section 2.2.3), and the rest.
pub fn packet(kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut length = rest.len();
    loop {
        // The remainder is below 128.
        let group = (length % 128) as u8;
        length /= 128;
        packet.push(if length > 0 { group | 128 } else { group });
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(rest);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_in_groups_of_seven_bits() {
        assert_eq!(packet(0x32, &[7; 2]), [0x32, 2, 7, 7]);
        assert_eq!(packet(0x32, &[7; 321])[..3], [0x32, 0xc1, 2]);
        assert_eq!(text("MQTT").unwrap(), [0, 4, b'M', b'Q', b'T', b'T']);
    }
}
