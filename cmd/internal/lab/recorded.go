package lab

import (
	"embed"
	"fmt"
	"net/netip"
	"strings"
)

// The recording is an excerpt of the logs of real Asterisks, 16.28 and 22.10,
// under real attacks in a laboratory: every line of the addresses that
// truth.tsv names, in the order of the attempts.
//
//go:embed recorded/attack.tsv recorded/truth.tsv
var recorded embed.FS

// Actor is an address of a recording, and what it was up to.
type Actor struct {
	Addr netip.Addr
	Ban  bool   // a jail that does its work bans it
	What string // for people
}

// Attack returns the recorded attack, in the order it was logged, and everybody
// in it.
func Attack() (lines []Line, actors []Actor, err error) {
	rows, err := table("recorded/truth.tsv", 3)
	for _, row := range rows {
		addr, err := netip.ParseAddr(row[0])
		if err != nil {
			return nil, nil, fmt.Errorf("truth.tsv: %w", err)
		}
		actors = append(actors, Actor{Addr: addr, Ban: row[1] == "ban", What: row[2]})
	}
	if err != nil {
		return nil, nil, err
	}
	rows, err = table("recorded/attack.tsv", 2)
	for _, row := range rows {
		lines = append(lines, Line{File: row[0], Text: []byte(row[1])})
	}
	return lines, actors, err
}

// table reads an embedded file of lines with columns between tabs; the last
// column may hold tabs of its own.
func table(name string, columns int) (rows [][]string, err error) {
	text, err := recorded.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		row := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", columns)
		if len(row) != columns {
			return nil, fmt.Errorf("%s: %q has not %d columns", name, line, columns)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
