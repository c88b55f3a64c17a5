//! Photoshop's image resources, in which JPEG and PNG files keep IPTC records.
//!
//! Each is `8BIM`, a number, a Pascal string and a block behind its length, both padded to even.

/// Begins each resource.
const SIGNATURE: &[u8] = b"8BIM";
/// The resource that holds IPTC-IIM records.
const IPTC: u16 = 0x0404;

/// The IPTC records in a list of resources.
pub fn iptc(mut rest: &[u8]) -> Option<&[u8]> {
    while let Some(resource) = rest.strip_prefix(SIGNATURE) {
        let number = u16::from_be_bytes(*resource.first_chunk()?);
        let name = (usize::from(*resource.get(2)?) + 1).next_multiple_of(2);
        let block = resource.get(2 + name..)?;
        let length = u32::from_be_bytes(*block.first_chunk()?) as usize;
        if number == IPTC {
            return block.get(4..)?.get(..length);
        }
        rest = block.get(4..)?.get(length.checked_next_multiple_of(2)?..)?;
    }
    None
}

/// True for what begins like a list of resources.
pub fn is_list(block: &[u8]) -> bool {
    block.starts_with(SIGNATURE)
}

/// A list of one resource, the IPTC records. `None` if they are 4 GiB long or longer.
pub fn with_iptc(records: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(records.len()).ok()?;
    let mut list = SIGNATURE.to_vec();
    list.extend(IPTC.to_be_bytes());
    list.extend([0, 0]);
    list.extend(length.to_be_bytes());
    list.extend(records);
    list.resize(list.len().next_multiple_of(2), 0);
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_behind_other_resources() {
        let records = [7; 5];
        let list = [&b"8BIM\x03\xed\x03abc\0\0\0\x01x\0"[..], &with_iptc(&records).unwrap()];
        assert_eq!(iptc(&list.concat()), Some(&records[..]));
        assert_eq!(iptc(list[0]), None);
        let whole = list.concat();
        assert!((0..whole.len() - 1).all(|end| iptc(&whole[..end]).is_none()));
    }
}
