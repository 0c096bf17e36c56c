package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"pbxjail/configs/hint"
)

const (
	// mostHosts is how many hosts a list may have.
	mostHosts = 1000
	// mostLine is how long a line of a list may be, in bytes.
	mostLine = 4096
)

// Hosts reads a list of hosts: one a line; # begins a comment. name is the file, for errors.
// A host that comes twice is an error: a verb that changes something would run twice.
func Hosts(r io.Reader, name string) (list []Target, err error) {
	seen := map[Target]int{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#") // editors of Windows begin a file with it
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if len(fields) > 1 {
			return nil, hint.Errorf("write one host in each line, and # before a comment", "%s:%d: there is more than one word", name, n)
		}
		t, err := ParseTarget(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if before := seen[t]; before != 0 {
			return nil, hint.Errorf("remove one of the two lines", "%s:%d: %s is already in line %d", name, n, t, before)
		}
		if len(list) == mostHosts {
			return nil, hint.Errorf("make two files of it", "%s has more than %d hosts", name, mostHosts)
		}
		seen[t] = n
		list = append(list, t)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, hint.Errorf("write one host in each line", "%s has a line of more than %d bytes", name, mostLine)
	} else if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	if len(list) == 0 {
		return nil, hint.Errorf("write one host in each line, such as admin@pbx1.example.net", "%s has no host", name)
	}
	return list, nil
}
