package parsers

import "strconv"

// String prints points as people write them in a jail file: 5, 2.5.
func (p Points) String() string { return string(p.AppendTo(nil)) }

// AppendTo appends what String returns.
func (p Points) AppendTo(b []byte) []byte {
	n := int64(p)
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/int64(Point), 10)
	if n %= int64(Point); n == 0 {
		return b
	}
	b = append(b, '.')
	for unit := int64(Point) / 10; n > 0; unit /= 10 {
		b = append(b, byte('0'+n/unit))
		n %= unit
	}
	return b
}
