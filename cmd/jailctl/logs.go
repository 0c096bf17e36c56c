package main

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
	"pbxjail/watcher/journal"
)

// openLog opens a log or a trace, plain or gzip, or stdin for "-". until is when it
// was last written.
func (a *app) openLog(name string) (text *bufio.Reader, until time.Time, closeLog func() error, err error) {
	if name == "-" {
		text, err = a.plain(a.stdin, "stdin")
		return text, a.now(), func() error { return nil }, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, until, nil, control.Refuse(0, "check the path; to read from stdin, write - in place of the path", "%w", hint.Cannot(err))
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = control.Refuse(0, "name the files in this folder: "+strings.TrimRight(name, "/")+"/*", "%s is a folder", name)
	}
	if err == nil {
		a.progress.expect(info.Size())
		text, err = a.plain(f, name)
	}
	if err != nil {
		f.Close()
		return nil, until, nil, err
	}
	return text, info.ModTime(), f.Close, nil
}

// plain unpacks what is packed.
func (a *app) plain(r io.Reader, name string) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(a.progress.file(r), 64<<10)
	if magic, _ := b.Peek(2); string(magic) != "\x1f\x8b" {
		return entries(bufio.NewReaderSize(a.progress.text(b), 64<<10)), nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, control.Refuse(0, "to test the file: gzip -t "+name, "%s cannot be unpacked: %w", name, err)
	}
	return entries(bufio.NewReaderSize(a.progress.text(z), 64<<10)), nil
}

// entries makes lines of saved entries of systemd's journal. Other text stays as it is.
func entries(text *bufio.Reader) *bufio.Reader {
	text.Peek(1)
	if beginning, _ := text.Peek(text.Buffered()); !journal.IsSaved(beginning) { // no more is waited for
		return text
	}
	return bufio.NewReaderSize(journal.Saved(text), 64<<10)
}

// atMost refuses more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return usage("write "+useLine(c), "%s does not take %q", c.Name(), args[n])
		}
		return nil
	}
}

// atLeast refuses to go without the argument named.
func atLeast(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("write "+useLine(c), "%s needs %s", c.Name(), name)
		}
		return nil
	}
}

// addrsOf reads the addresses of a repeated flag.
func addrsOf(flag string, words []string) (list []netip.Addr, err error) {
	for _, w := range words {
		a, err := netip.ParseAddr(w)
		if err != nil {
			return nil, usage("write an address such as 192.0.2.10; names are not looked up", "--%s: %q is not an address", flag, w)
		}
		list = append(list, a.Unmap())
	}
	return list, nil
}
