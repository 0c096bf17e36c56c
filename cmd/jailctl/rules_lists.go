package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"

	"pbxjail/actions/packets"
	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/jails/feeds"
)

// listsOf are the feeds whose addresses are dropped, without those that are protected.
// notes say which feeds are left out, and why.
func listsOf(main *configs.Main, protected []netip.Prefix) (lists []packets.List, notes []string, err error) {
	for _, f := range main.Feeds {
		switch {
		case !f.Enabled:
		case !f.Bans():
			notes = append(notes, fmt.Sprintf("not printed: feed %s only gives more points to attempts; to drop its addresses, write use: ban for this feed into the main file", f.Name))
		case f.URL != "":
			notes = append(notes, fmt.Sprintf("not printed: the list of feed %s changes often; the daemon fetches it, and drops its addresses itself", f.Name))
		default:
			l, err := listOfFeed(f, protected)
			if err != nil {
				return nil, nil, control.Refuse(0, hint.Of(err), "feed %s is refused: %w", f.Name, err)
			}
			lists = append(lists, l)
		}
	}
	return lists, notes, nil
}

func listOfFeed(f configs.Feed, protected []netip.Prefix) (packets.List, error) {
	in, err := openList(f.File)
	if err != nil {
		return packets.List{}, err
	}
	defer in.Close()
	read, err := feeds.Parse(in, f.Format, f.MaxEntries)
	if err != nil {
		return packets.List{}, err
	}
	l := packets.List{Name: f.Name, Only: onlyOf(f)}
	for _, p := range read.Prefixes { // each by itself: neighbours stay as they were written
		if !slices.ContainsFunc(protected, p.Overlaps) {
			l.Prefixes = append(l.Prefixes, p)
			continue
		}
		left, err := feeds.Subtract([]netip.Prefix{p}, protected)
		if err != nil {
			return packets.List{}, err
		}
		l.Prefixes = append(l.Prefixes, left...)
	}
	return l, nil
}

// onlyOf is what of the packets of a feed's addresses is dropped; none: all.
func onlyOf(f configs.Feed) (only []packets.Only) {
	for _, r := range f.Closes() {
		protos := []string{r.Proto}
		if r.Proto == "" {
			protos = []string{"udp", "tcp"}
		}
		for _, proto := range protos {
			o := packets.Only{Proto: proto, Ports: packets.Ports{First: r.From, Last: r.To}}
			if r.From == 1 && r.To == lastPort {
				o.Ports = packets.Ports{} // all
			}
			only = append(only, o)
		}
	}
	return only
}

const lastPort = 65535

// openList opens the file of a feed.
func openList(name string) (io.ReadCloser, error) {
	if data, ok := configs.ShippedFeed(name); ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	// Asked before opening: opening a named pipe would wait for its writer.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, hint.Errorf("below this feed in the main file, write file: PATH of a text file; then run the command again", "%s is a folder, a device or a pipe, not a text file", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, hint.Errorf("correct file: PATH of this feed in the main file; or, if the file exists, run the command again as root", "the list of the feed cannot be read: %w", hint.Cannot(err))
	}
	return file, nil
}
