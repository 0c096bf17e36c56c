package remote

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"pbxjail/configs/hint"
)

// version is that of what the two ends say to each other. A change that an older jailctl
// would understand in another way needs a new one.
const version = 1

const (
	// mostRequest is how long a request may be, in bytes.
	mostRequest = 1 << 20
	// mostArgs is how many arguments it may have.
	mostArgs = 4096
)

// Request is what the other PBX is asked to do. It is one line of JSON, and input for the
// verb follows it: see Input.
type Request struct {
	Version int      `json:"version"`
	Args    [][]byte `json:"args"`    // bytes, in base64: an argument need not be UTF-8
	Columns int      `json:"columns"` // how wide a line may be; 0: not known
}

// NewRequest asks for a verb with its arguments.
func NewRequest(args []string, columns int) Request {
	r := Request{Version: version, Args: [][]byte{}, Columns: columns}
	for _, a := range args {
		r.Args = append(r.Args, []byte(a))
	}
	return r
}

// Arguments are those of the verb.
func (r Request) Arguments() []string {
	list := make([]string, len(r.Args))
	for i, a := range r.Args {
		list[i] = string(a)
	}
	return list
}

// Line is the request as it is sent. It is an error if the other end would refuse it.
func (r Request) Line() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if len(text) >= mostRequest || len(r.Args) > mostArgs {
		return nil, hint.New("give fewer or shorter arguments", "the arguments are too long for another PBX")
	}
	return append(text, '\n'), nil
}

// byHand is for an admin who calls jailctl remote by himself.
const byHand = "jailctl calls this verb on another PBX; to run a verb there: jailctl --host user@pbx VERB"

// ReadRequest reads a request, and nothing that follows it. The bytes may be of any user who
// can log in.
func ReadRequest(in *bufio.Reader) (r Request, err error) {
	line, err := readLine(in, mostRequest)
	if err != nil {
		return r, hint.Errorf(byHand, "cannot read the request: %w", err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, hint.New(byHand, "the request is not what jailctl sends")
	}
	if r.Version != version {
		return r, hint.Errorf("install the same release of pbxjail on both machines", "the jailctl on this PBX knows version %d of remote, and was asked in version %d", version, r.Version)
	}
	if len(r.Args) > mostArgs {
		return r, hint.Errorf(byHand, "the request has more than %d arguments", mostArgs)
	}
	if slices.ContainsFunc(r.Args, func(a []byte) bool { return slices.Contains(a, 0) }) {
		return r, hint.New(byHand, "an argument has a zero byte, which no command line can have")
	}
	r.Columns = max(0, r.Columns)
	return r, nil
}

// errTooLong is a line that does not end in time.
var errTooLong = errors.New("a line is too long")

// readLine reads to the end of a line, and returns it without the end.
func readLine(in *bufio.Reader, most int) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > most {
			return nil, errTooLong
		}
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// greeting begins the line that jailctl remote prints first. What comes before it is not
// from jailctl, such as the output of a .bashrc; without it no jailctl was there.
const greeting = "pbxjail-remote "

// Greeting is that line.
func Greeting() string { return greeting + strconv.Itoa(version) + "\n" }

// isGreeting reports whether a line, without its end, is the greeting of any version.
func isGreeting(line string) bool {
	_, err := strconv.ParseUint(strings.TrimPrefix(line, greeting), 10, 16)
	return err == nil && strings.HasPrefix(line, greeting)
}
