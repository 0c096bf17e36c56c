package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// The input of a verb follows the request in pieces: a line with the number of bytes, and
// the bytes. A piece of no bytes ends the input. So the other end can tell the end of the
// input from the end of the connection: ssh without a terminal carries no ctrl-c, and a verb
// must not go on when the admin has left.

// mostPiece is how long a piece may be, in bytes.
const mostPiece = 64 << 10

// ErrLeft says that the connection has ended.
var ErrLeft = errors.New("the other end has closed the connection")

// SendInput sends all of in, and that it has ended. in nil is an empty input.
func SendInput(to io.Writer, in io.Reader) error {
	buf := make([]byte, 8, 8+mostPiece) // room for the number before the bytes
	for in != nil {
		n, err := in.Read(buf[8:cap(buf)])
		if n > 0 {
			head := strconv.Itoa(n) + "\n"
			from := 8 - copy(buf[8-len(head):8], head)
			if _, err := to.Write(buf[from : 8+n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("cannot read stdin: %w", err)
		}
	}
	_, err := io.WriteString(to, "0\n")
	return err
}

// Input passes the input of a verb on to to, and closes it at its end. It returns when the
// connection ends (ErrLeft), or when what comes is no input. Run it in a goroutine: it
// waits for the verb to read.
func Input(in *bufio.Reader, to *io.PipeWriter) error {
	err := pieces(in, to)
	if err == nil {
		to.Close()
		_, err = in.ReadByte() // nothing follows; the end of it is the end of the connection
		if err == nil {
			return errors.New("bytes follow the end of the input")
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrLeft
	}
	to.CloseWithError(err) // no effect after Close
	return err
}

func pieces(in *bufio.Reader, to io.Writer) error {
	verb := untilClosed{to: to}
	for {
		head, err := readLine(in, len("65536\n"))
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(head), 10, 32)
		if err != nil || n > mostPiece {
			return errors.New("the input has a piece of no valid length")
		}
		if n == 0 {
			return nil
		}
		if _, err := io.CopyN(&verb, in, int64(n)); err != nil {
			return err
		}
	}
}

// untilClosed drops what comes after the reader of a pipe is gone: a verb may read less than
// there is.
type untilClosed struct {
	to     io.Writer
	closed bool
}

func (u *untilClosed) Write(p []byte) (int, error) {
	if !u.closed {
		_, err := u.to.Write(p)
		u.closed = errors.Is(err, io.ErrClosedPipe)
		if err != nil && !u.closed {
			return 0, err
		}
	}
	return len(p), nil
}
