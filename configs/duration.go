package configs

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Forever is a duration without end. It is the zero duration, as in package jails: a file
// cannot set a duration of zero.
const Forever = show.Forever

// units from the largest down: the order in which they are written.
var units = [...]struct {
	letter  byte
	seconds int64
}{{'w', 7 * 24 * 3600}, {'d', 24 * 3600}, {'h', 3600}, {'m', 60}, {'s', 1}}

// durationForm has one group for each of units. A leading zero has no place in
// it: YAML may read such a number as octal.
var durationForm = regexp.MustCompile(`^(?:(0|[1-9]\d*)w)?(?:(0|[1-9]\d*)d)?(?:(0|[1-9]\d*)h)?(?:(0|[1-9]\d*)m)?(?:(0|[1-9]\d*)s)?$`)

// ParseDuration reads 10m, 1h30m, 4w, forever, or a plain number of seconds as
// in fail2ban. Zero, negative and overflowing durations are errors; all errors
// carry a hint.
func ParseDuration(text string) (time.Duration, error) {
	if text == "forever" {
		return Forever, nil
	}
	form := strings.TrimPrefix(text, "-")
	if strings.Trim(form, "0123456789") == "" {
		form += "s"
	}
	numbers := durationForm.FindStringSubmatch(form)
	if numbers == nil {
		return 0, hint.New("write 90s, 10m, 1h30m, 2d, 4w, a plain number of seconds, or forever; the larger unit first", quote(text)+" is not a duration")
	}
	var total int64
	for i, u := range units {
		if numbers[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(numbers[i+1], 10, 64)
		if err != nil || n > (int64(math.MaxInt64/time.Second)-total)/u.seconds {
			return 0, hint.New("write forever for a time without end", quote(text)+" is longer than 292 years")
		}
		total += n * u.seconds
	}
	if total == 0 || text[0] == '-' {
		return 0, hint.New("write a time such as 10m, or forever for a time without end (-1 in fail2ban)", quote(text)+" is not above zero")
	}
	return time.Duration(total) * time.Second, nil
}
