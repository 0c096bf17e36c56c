package parsers

// Records are the records of a log by level, and what is odd about them.
type Records struct {
	Notice, Warning, Error, Security uint64
	Others                           uint64 // lines that another program wrote into a syslog
	Undated                          uint64 // events whose date cannot be read, in a log that writes dates
}

// Records returns what was read so far.
func (p *Parser) Records() Records { return p.records }

func (r *Records) count(l level) {
	switch l {
	case levelNotice:
		r.Notice++
	case levelWarning:
		r.Warning++
	case levelError:
		r.Error++
	case levelSecurity:
		r.Security++
	}
}

// HeadBehind finds a record of Asterisk after other text in a line. It returns the length of
// that text, or -1 if there is no record. Use it only to explain why a log is not
// understood: text in the middle of a line may be a caller's.
func HeadBehind(line []byte) int {
	line = line[:min(len(line), maxEnvelope)]
	p := Parser{}
	for i := 1; i < len(line); i++ {
		if c := line[i]; c != '[' && c != '{' || line[i-1] == '[' {
			continue
		}
		if r := (record{}); p.head(line[i:], &r) {
			return i
		}
	}
	return -1
}
