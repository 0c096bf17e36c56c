package sip

// Message is what was read of one message. All slices are parts of the bytes that
// were given to Read, and are empty where the message has no such thing.
type Message struct {
	Response   bool
	Status     uint16 // of a response: 100 to 699
	Method     Method // of a request; of a response what its CSeq names
	Word       []byte // the method as it is written
	URI        []byte // the request URI
	User       []byte // its user part: the number that is dialled
	Branch     []byte // of the topmost Via
	SentBy     []byte // of the topmost Via: host and port
	FromUser   []byte
	FromTag    []byte
	ToUser     []byte
	ToTag      []byte
	CallID     []byte
	CSeq       uint32
	CSeqMethod Method
	Agent      []byte // User-Agent, or Server
	Contact    []byte // the first address in it
	Event      []byte // the event package
	Nonce      []byte // of the first challenge
	Nonces     int    // how many of AllNonces there are
	AllNonces  [maxAnswers][]byte
	Stale      bool // a challenge says that only the nonce was wrong
	Answers    int  // how many of Answer there are
	Answer     [maxAnswers]Credentials
	Expires    uint32
	HasExpires bool
	Length     int // Content-Length; -1 when there is none that can be read
	Head       int // where the body begins; len of the bytes when the head does not end
	Whole      bool
	Problem    Problem
}

// maxAnswers is how many challenges, and answers to them, are read: one for each realm.
const maxAnswers = 4

// Credentials are what a client answers to a challenge. Response is the digest: it is
// for comparing, and must not be kept.
type Credentials struct {
	User, Nonce, Response []byte
}

// Problem says what makes a message none that a SIP client sends. The zero value is
// that there is nothing.
type Problem uint8

const (
	Fine Problem = iota
	NotSIP
	BadVersion
	BadStart // a request line or status line that cannot be read
	NoVia
	NoFrom
	NoTo
	NoCallID
	NoCSeq
	BadCSeq
	Twice       // what may come once comes twice: which one counts is not the same for all
	BadBytes    // a zero byte, or a CR without LF: where a line ends is not the same for all
	OtherMethod // CSeq names another method than the request line
	problems
)

var problemWords = [problems]string{"", "is not SIP", "has another version than SIP/2.0", "has a first line that cannot be read", "has no Via", "has no From", "has no To", "has no Call-ID", "has no CSeq", "has a CSeq without a number", "has a header twice that may come once", "holds a zero byte or half a line end", "has a CSeq of another method"}

// String says it as the end of a sentence that begins with the message.
func (p Problem) String() string { return problemWords[p] }

// maxHeaders is how many header lines are looked at: real messages have some twenty.
const maxHeaders = 256

// Read reads one message from its first byte on. What it could not read is named by
// m.Problem; then fields may be empty, but those that are there are right. A message
// whose head does not end in b is not m.Whole: whatever is missing may follow.
func Read(b []byte, m *Message) {
	*m = Message{Length: -1}
	start := b
	for len(start) > 0 && (start[0] == '\r' || start[0] == '\n') { // RFC 3261 7.5
		start = start[1:]
	}
	line, rest, ended := cutLine(start)
	if !m.startLine(line) {
		m.Head, m.Whole = len(b), true
		return
	}
	m.Head = len(b)
	has, twice := uint8(0), uint8(0)
	for n := 0; ended && n < maxHeaders; n++ {
		if line, rest, ended = cutFolded(rest); len(line) == 0 {
			m.Whole = ended || m.Whole
			break
		}
		if ended || len(rest) == 0 {
			one := m.header(line)
			twice |= has & one &^ hasVia
			has |= one
		}
	}
	if m.Whole {
		m.Head = len(b) - len(rest)
	}
	m.complain(has)
	if m.Problem == Fine || m.Problem == OtherMethod {
		switch {
		case twice != 0:
			m.Problem = Twice
		case !cleanLines(b[:m.Head]):
			m.Problem = BadBytes
		}
	}
}

// Which of the required headers were there.
const (
	hasVia uint8 = 1 << iota
	hasFrom
	hasTo
	hasCallID
	hasCSeq
)

// complain names the first problem.
func (m *Message) complain(has uint8) {
	if m.Problem != Fine {
		return
	}
	for _, c := range [...]struct {
		bit uint8
		is  Problem
	}{{hasVia, NoVia}, {hasFrom, NoFrom}, {hasTo, NoTo}, {hasCallID, NoCallID}, {hasCSeq, NoCSeq}} {
		if has&c.bit == 0 {
			m.Problem = c.is
			return
		}
	}
	switch {
	case m.CSeqMethod == NoMethod:
		m.Problem = BadCSeq
	case m.Response:
		m.Method = m.CSeqMethod
	case m.CSeqMethod != m.Method:
		m.Problem = OtherMethod
	}
}

// startLine reads the first line, and says whether headers are to be looked for.
func (m *Message) startLine(line []byte) bool {
	line = trim(line)
	if hasVersion(line) && len(line) > len(version) && line[len(version)] == ' ' {
		return m.statusLine(line[len(version)+1:])
	}
	n := 0
	for n < len(line) && isToken(line[n]) {
		n++
	}
	last := lastField(line)
	if n == 0 || n == len(line) || line[n] != ' ' || !hasPrefixFold(last, "SIP/") || len(last) > len(version) {
		m.Problem = NotSIP
		return false
	}
	m.Word = line[:n]
	m.Method = MethodOf(m.Word)
	m.URI = trim(line[n : len(line)-len(last)])
	m.User = userOf(m.URI)
	switch {
	case !hasVersion(last):
		m.Problem = BadVersion
	case len(m.URI) == 0:
		m.Problem = BadStart
	}
	return true
}

const version = "SIP/2.0"

func hasVersion(b []byte) bool { return hasPrefixFold(b, version) }

func (m *Message) statusLine(b []byte) bool {
	m.Response = true
	n, digits := 0, trimLeft(b)
	for n < len(digits) && n < 4 && isDigit(digits[n]) { // a fourth makes it wrong
		m.Status = m.Status*10 + uint16(digits[n]-'0')
		n++
	}
	if n != 3 || m.Status < 100 || m.Status > 699 {
		m.Status, m.Problem = 0, BadStart
	}
	return true
}
