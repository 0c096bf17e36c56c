package feeds

import (
	"errors"
	"fmt"
	"strconv"
)

// hinted is an error with what the operator can do about it.
type hinted struct {
	err  error
	hint string
}

func (h hinted) Error() string { return h.err.Error() }
func (h hinted) Unwrap() error { return h.err }
func (h hinted) Hint() string  { return h.hint }

func hint(hint, format string, args ...any) error { return hinted{fmt.Errorf(format, args...), hint} }

// hintOf finds what an error tells the operator to do, or "".
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// quote prints text of a feed: in quotes, ASCII only, and not all of it.
func quote(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
