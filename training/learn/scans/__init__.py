"""The two networks of dense scans: one says what is outside, the other takes off noise."""
