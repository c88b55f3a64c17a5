//! Bytes as text: for people, and as the option that would be large enough.

/// Bytes for people: three digits and a binary unit.
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// The least round value of `--mem` that is at least so many bytes: `700`, `1.4G`, `38M`.
pub(super) fn size_for(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
    let Some((shift, unit)) = UNITS.into_iter().find(|(shift, _)| bytes >> shift > 0) else {
        return bytes.to_string();
    };
    let tenths = (u128::from(bytes) * 10).div_ceil(1 << shift);
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole}{unit}"),
        (whole @ 0..10, tenth) => format!("{whole}.{tenth}{unit}"),
        (whole, _) => format!("{}{unit}", whole + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read() {
        assert_eq!(show_bytes(999), "999 B");
        assert_eq!(show_bytes(1023), "1.00 KiB");
        assert_eq!(show_bytes(1 << 30), "1.00 GiB");
        assert_eq!(show_bytes(300 << 20), "300 MiB");
    }

    #[test]
    fn what_would_do_is_enough_and_short() {
        for (bytes, text) in [
            (700, "700"),
            (1024, "1K"),
            (1025, "1.1K"),
            (1 << 30, "1G"),
            (1_500_000_000, "1.4G"),
            ((37 << 20) + 1, "38M"),
            ((10 << 20) - 1, "10M"),
        ] {
            assert_eq!(size_for(bytes), text);
        }
    }
}
