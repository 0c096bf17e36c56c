package parsers

// Answer answers a question about packets: did somebody send us any? The zero
// value is CannotTell.
type Answer uint8

const (
	CannotTell Answer = iota // not watched, or not without a gap: nothing follows
	No                       // it was watched without a gap, and nothing came
	Yes
)

// String is the answer in lower-case words.
func (a Answer) String() string {
	switch a {
	case No:
		return "no"
	case Yes:
		return "yes"
	default:
		return "cannot tell"
	}
}
