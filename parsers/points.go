package parsers

import (
	"strconv"
	"strings"
)

// String prints points as people write them in a jail file: 5, 2.5.
func (p Points) String() string {
	s := strconv.FormatFloat(float64(p)/float64(Point), 'f', 3, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
