package feeds

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// The limits of one feed.
const (
	maxBytes = 16 << 20 // after unpacking
	maxLine  = 4096
	maxNotes = 10 // of each kind

	// An eighth of the addresses in use: a list of more lists the internet. All that ban
	// may list twice as much together.
	maxShare4 = 1 << 61
	maxShare6 = 1 << 58 // 2000::/3 is all that is in use
)

// List is what was read in a feed.
type List struct {
	Format   string         // text, apiban or json-lines
	Prefixes []netip.Prefix // masked and sorted, none inside another, none too wide, and none that no feed can mean
	Lines    int            // of text, or entries of JSON
	Entries  int            // that were taken
	Masked   int            // of those: networks that had host bits
	Dropped  int            // entries no feed can mean: loopback, multicast, private networks
	Refused  int            // lines that are no address, or wider than /8, or than /16 of IPv6
	Notes    []Note         // the first ten each of Masked, Dropped and Refused, by line
}

// Note is a line that was not taken as it is. What is printable.
type Note struct {
	Line int // counted from 1
	What string
}

// reader adds entries up to a List.
type reader struct {
	List
	max int // prefixes
}

// Parse reads a feed. format is one of configs.FeedFormats; "" is auto. maxEntries
// is how many prefixes it may hold, 0 is 500,000. An error means that nothing of it
// is to be used, and carries a hint; what was counted until then is returned with it.
func Parse(in io.Reader, format string, maxEntries int) (*List, error) {
	if maxEntries <= 0 {
		maxEntries = configs.MaxFeedEntries
	}
	r := &reader{max: maxEntries}
	data, err := readAll(in)
	if err != nil {
		return &r.List, err
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if r.Format, err = formatOf(data, format); err != nil {
		return &r.List, err
	}
	switch r.Format {
	case "apiban":
		err = r.apiban(data)
	case "json-lines":
		err = r.jsonLines(data)
	default:
		err = r.text(data)
	}
	if err == nil {
		err = r.finish()
	}
	return &r.List, err
}

// readAll reads a feed whole, unpacked where it is packed.
func readAll(in io.Reader) ([]byte, error) {
	b := bufio.NewReader(in)
	in = b
	if magic, _ := b.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, hint.Errorf("open the url of the feed in a browser. If it is not a list of addresses, write another url for this feed into the main file; then: jailctl reload", "pbxjail cannot unpack the list: %w", err)
		}
		in = z
	}
	data, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return nil, hint.Errorf("pbxjail tries again by itself; the last good list stays in use", "pbxjail cannot read the list to its end: %w", err)
	}
	if len(data) > maxBytes {
		return nil, hint.Errorf("write a smaller list as url or file of this feed into the main file; then: jailctl reload", "the list of the feed is larger than %d MiB, and is not used", maxBytes>>20)
	}
	return data, nil
}

// formatOf looks at how the text begins. A web page is no feed, whatever was named.
func formatOf(data []byte, format string) (string, error) {
	start := bytes.TrimLeft(data, " \t\r\n")
	if bytes.HasPrefix(start, []byte("<")) {
		return "", hint.Errorf("open the url in a browser. If the server wants a key, write the url with the key into the main file; if the list has moved, write its new url; then: jailctl reload", "a web page came instead of a list of addresses, so pbxjail does not use it")
	}
	if format != "" && format != "auto" {
		return format, nil
	}
	if !bytes.HasPrefix(start, []byte("{")) {
		return "text", nil
	}
	first, _, _ := bytes.Cut(start, []byte("\n"))
	if bytes.Contains(first, []byte(`"cidr"`)) {
		return "json-lines", nil
	}
	return "apiban", nil
}

// entry takes what is in a line. An error ends the reading.
func (r *reader) entry(line int, text string) error {
	list, written, err := parseEntry(text)
	if err != nil {
		r.refuse(line, note(text, err))
		return nil
	}
	if list = slices.DeleteFunc(list, never.LookupPrefix); len(list) == 0 {
		r.note(&r.Dropped, line, quote(text)+" is not an address of the public internet")
		return nil
	}
	if written.IsValid() {
		r.note(&r.Masked, line, fmt.Sprintf("%s is not the start of a network: read as %s", quote(text), list[0]))
	}
	r.Entries++
	for _, p := range list {
		if never.OverlapsPrefix(p) {
			r.Prefixes = append(r.Prefixes, without(p, never)...)
		} else {
			r.Prefixes = append(r.Prefixes, p)
		}
	}
	if len(r.Prefixes) > r.max {
		return hint.Errorf("write a larger max_entries below this feed in the main file, or use another list; then: jailctl reload", "the feed has more than %d entries, and the new list is not used", r.max)
	}
	return nil
}

func (r *reader) refuse(line int, what string) { r.note(&r.Refused, line, what) }

// note counts a line, and keeps what is odd about the first of each kind.
func (r *reader) note(count *int, line int, what string) {
	if *count++; *count <= maxNotes {
		r.Notes = append(r.Notes, Note{line, what})
	}
}

// apart sorts prefixes, in their own memory, and leaves out those inside others.
func apart(prefixes []netip.Prefix) []netip.Prefix {
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	kept := prefixes[:0]
	for _, p := range prefixes {
		if n := len(kept); n == 0 || !kept[n-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// wide reports whether sorted prefixes that lie apart are more than so many times what one
// list may hold.
func wide(prefixes []netip.Prefix, times uint64) bool {
	six := slices.IndexFunc(prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() })
	if six < 0 {
		six = len(prefixes)
	}
	return share(prefixes[:six]) > maxShare4*times || share(prefixes[six:]) > maxShare6*times
}

// finish puts the prefixes in order, and refuses a list that says nothing or too much.
func (r *reader) finish() error {
	kept := apart(r.Prefixes)
	r.Prefixes = slices.Clip(kept)
	if wide(kept, 1) {
		return hint.Errorf("write another list as url or file of this feed into the main file; then: jailctl reload", "the list has more than an eighth of all addresses of the internet, so pbxjail does not use the list")
	}
	if len(kept) == 0 {
		return hint.Errorf("open the list in a browser or an editor: it must have one address on each line. To switch the feed off, write enabled: false below this feed in the main file; then: jailctl reload", "the feed has no addresses")
	}
	return nil
}
