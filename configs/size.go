package configs

import (
	"strconv"
	"strings"

	"pbxjail/configs/hint"
)

// Size is a number of bytes.
type Size int64

var sizeUnits = [...]struct {
	name  string
	bytes Size
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}}

// parseSize reads 500MB, 2GB or 1TB. A unit is 1024 times the one before it.
func parseSize(text string) (Size, error) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 20)
		if ok && err == nil {
			return Size(n) * u.bytes, nil
		}
	}
	return 0, hint.New("write a size such as 500MB or 2GB", quote(text)+" is not a size")
}

// String is the size as a file has it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s >= u.bytes && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64((s+1<<20-1)>>20), 10) + "MB"
}
