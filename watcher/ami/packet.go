package ami

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

const (
	// maxPacket is how long a packet may be, in bytes. Those of Asterisk have a few thousand.
	maxPacket = 64 << 10
	// maxGreeting is how long the first line may be.
	maxGreeting = 256
)

var lineEnd = []byte("\r\n")

// reader takes packets from a connection. A line ends with CR and LF, a packet with an empty
// line. What is longer than maxPacket is passed over, and counted.
type reader struct {
	in     *bufio.Reader
	most   int // how long a packet may be
	packet []byte
	passed uint64 // packets that were too long
}

func newReader(r io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(r, 16<<10), most: maxPacket}
}

// next returns the next packet: its lines, each with its end, without the empty one behind
// them. It is valid until the next call.
func (r *reader) next() ([]byte, error) {
	r.packet = r.packet[:0]
	tooLong, begins := false, true // begins: a line begins here
	for {
		part, err := r.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if begins && bytes.Equal(part, lineEnd) && (len(r.packet) > 0 || tooLong) {
			if !tooLong {
				return r.packet, nil
			}
			r.passed++
			r.packet, tooLong = r.packet[:0], false
			continue
		}
		split := begins && bytes.Equal(part, lineEnd) // an empty line before a packet
		ended := r.endsLine(part)
		switch {
		case split:
		case tooLong || len(r.packet)+len(part) > r.most:
			tooLong = true
			r.packet = append(r.packet[:0], part[len(part)-1]) // the CR of an end that is cut
		default:
			r.packet = append(r.packet, part...)
		}
		begins = ended
	}
}

// endsLine reports whether the part that follows what is in packet ends with CR and LF.
func (r *reader) endsLine(part []byte) bool {
	if len(part) == 1 && part[0] == '\n' {
		return bytes.HasSuffix(r.packet, lineEnd[:1])
	}
	return bytes.HasSuffix(part, lineEnd)
}

// greeting reads the line that Asterisk begins with: "Asterisk Call Manager/7.0.3".
func (r *reader) greeting() (string, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > maxGreeting {
		return "", errNoManager
	}
	if err != nil {
		return "", err
	}
	version, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("Asterisk Call Manager/"))
	if !ok {
		return "", errNoManager
	}
	return string(version), nil
}

var errNoManager = errors.New("what answers is not the manager interface of Asterisk")

// field is the value of the first line with a key; nil: there is none. Keys of Asterisk
// keep their case.
func field(packet []byte, key string) []byte {
	for len(packet) > 0 {
		line, rest, _ := bytes.Cut(packet, lineEnd)
		packet = rest
		if len(line) > len(key) && line[len(key)] == ':' && string(line[:len(key)]) == key {
			return bytes.TrimPrefix(line[len(key)+1:], []byte(" "))
		}
	}
	return nil
}
