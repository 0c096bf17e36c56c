package main

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

func TestHarmlessCells(t *testing.T) {
	for cell, want := range map[string]string{
		"":                   "",
		"201":                "201",
		"a=b":                "a=b",
		"=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
		"+972":               "'+972",
		"-1":                 "'-1",
		"@SUM(A1)":           "'@SUM(A1)",
		"  =1":               "'  =1",
		"\t=1":               `\t=1`,
		"\r\n=1":             `\r\n=1`,
		"a\x1b[2J\u202e\xff": `a\x1b[2J\u202e\ufffd`,
		"a,b\"c":             "a,b\"c",
		"\uff1d1":            `\uff1d1`, // a wide = that some spreadsheets take for one
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q: got %q, want %q", cell, got, want)
		}
	}
}

// FuzzCSV: whatever a cell is, it comes back as one cell of printable ASCII that is no formula.
func FuzzCSV(f *testing.F) {
	f.Add("=1", "a,\"b\n", "\x1b[2J")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		out := newCSV(new(bytes.Buffer), "x", "y", "z")
		out.row(a, b, c)
		var text bytes.Buffer
		if err := out.end(&text); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&text).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) != 3 {
			t.Fatalf("got %q, %v, want two rows of three cells", rows, err)
		}
		for _, cell := range rows[1] {
			if strings.ContainsFunc(cell, func(r rune) bool { return r < ' ' || r > '~' }) || strings.IndexAny(strings.TrimLeft(cell, " ")+"x", "=+-@") == 0 {
				t.Errorf("got cell %q", cell)
			}
		}
	})
}
