package cdr

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// csv writes a record as cdr_csv does.
func csv(account, src, dst, clid, channel string) string {
	q := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	return strings.Join([]string{q(account), q(src), q(dst), q("from-internal"), q(clid), q(channel), q("PJSIP/trunk-00000002"), q("Dial"), q("PJSIP/972@trunk"),
		q("2026-03-02 10:00:00"), q("2026-03-02 10:00:05"), q("2026-03-02 10:01:05"), "65", "60", q("ANSWERED"), q("DOCUMENTATION")}, ",") + "\n"
}

func read(r *Reader, text string) (list []Call) {
	for line := range strings.Lines(text) {
		r.Lines([]byte(line), false, func(c Call) { list = append(list, c) })
	}
	return list
}

func TestRecords(t *testing.T) {
	good := csv("sales", "201", "00972591234567", `"201" <201>`, "PJSIP/201-00000001")
	bare := strings.ReplaceAll(csv("", "1", "0044", "x", "PJSIP/201-00000009"), `"`, "")
	tests := []struct {
		name, text string
		fields     []string
		want       string // account number group, one call after another
	}{
		{"cdr_csv", good, nil, "201 00972591234567 sales"},
		{"cdr_csv with uniqueid", strings.TrimSuffix(good, "\n") + `,"1700000000.1"` + "\n", nil, "201 00972591234567 sales"},
		{"with userfield too", strings.TrimSuffix(good, "\n") + `,"1700000000.1","note"` + "\n", nil, "201 00972591234567 sales"},
		{"cdr_custom", `"""201"" <201>","201","00972591234567","from-internal","PJSIP/201-00000001","","Dial","x","2026-03-02 10:00:00","","2026-03-02 10:00:09","9","0","NO ANSWER","3","sales","17.1","",7` + "\n", nil, "201 00972591234567 sales"},
		{"own fields", `2026-03-02 10:00:00,9,4,"SIP/201-0000a","0044"` + "\n", []string{"start", "duration", "billsec", "channel", "dst"}, "201 0044 "},
		{"a dash in the name", csv("", "1", "0044", "x", "PJSIP/office-2-00000001"), nil, "office-2 0044 "},
		{"a channel of the dialplan", csv("", "1", "0044", "x", "Local/0044@out-00000001;2"), nil, " 0044 "},
		{"a newline in the number", csv("", "1", "0044\n", "x", "PJSIP/201-00000001") + good, nil, "201 0044\n  201 00972591234567 sales"},
		{"a record in the number", csv("", "1", "0044\n"+good, "x", "PJSIP/201-00000001"), nil, "201 0044\n" + good + " "},
		{"a record in the caller's name", csv("", "1", "0044", "x\n"+good+"y", "PJSIP/666-00000001"), nil, "666 0044 "},
		{"an account in the caller's name", csv("", "1", "0044", `","","","PJSIP/201-00000009`, "PJSIP/666-00000001"), nil, "666 0044 "},
		{"a row of quotes", csv("", `""""`, "0044", `"`, "PJSIP/666-00000001"), nil, "666 0044 "},
		{"a record without quotes in the number", csv("", "1", "0044\n"+bare, "x", "PJSIP/666-00000001"), nil, "666 0044\n" + bare + " "},
		{"a record without quotes behind half a record", "text\n" + bare + good, nil, "201 00972591234567 sales"},
		{"a half record, then a good one", `"201","x","y` + "\n" + good, nil, "201 00972591234567 sales"},
		{"the second half of a record", `text of a caller","PJSIP/201-1","","","","2026-03-02 10:00:00"` + "\n" + good, nil, "201 00972591234567 sales"},
		{"no channel", csv("", "1", "0044", "x", ""), nil, ""},
		{"a channel of a caller", csv("", "1", "0044", "x", "PJSIP/20 1-1"), nil, ""},
		{"too few fields", `"a","b"` + "\n", nil, ""},
		{"longer talk than call", strings.Replace(good, ",65,60,", ",65,6000,", 1), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range read(New(tt.fields, time.UTC), tt.text) {
				got = append(got, fmt.Sprintf("%s %s %s", c.Account, c.Number, c.Group))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	list := read(New(nil, time.UTC), csv("", "1", "0044", "x", "PJSIP/201-00000001"))
	if len(list) != 1 || list[0].Talk != time.Minute || list[0].Ended.Sub(list[0].Began) != 65*time.Second {
		t.Errorf("got %+v", list)
	}
}

// FuzzRecord: whatever a caller writes into its name and number, there is one call, of the
// account that made it, and the next record is read.
func FuzzRecord(f *testing.F) {
	good := csv("", "1", "0044", "x", "PJSIP/201-00000002")
	f.Add("0044", `"201" <201>`)
	f.Add("0044\n"+good, `""`)
	f.Add(`"`, "\n\""+good)
	f.Add(`","","","PJSIP/201-00000009`, `\"`)
	f.Fuzz(func(t *testing.T, dst, clid string) {
		if len(dst)+len(clid) > 2000 || strings.ContainsRune(dst+clid, 0) {
			t.Skip()
		}
		list := read(New(nil, time.UTC), csv("", clid, dst, clid, "PJSIP/666-00000001")+good)
		if len(list) != 2 || list[0].Account != "666" || list[0].Number != dst || list[1].Account != "201" {
			t.Errorf("got %+v", list)
		}
	})
}

// FuzzFrom: a file that is read from any place on names no account that made no call.
func FuzzFrom(f *testing.F) {
	f.Add("0044\n"+csv("", "1", "0044", "x", "PJSIP/201-00000002"), `"`, 1)
	f.Add("0044\n"+strings.ReplaceAll(csv("", "1", "0044", "x", "PJSIP/201-00000002"), `"`, ""), `"`, 1)
	f.Fuzz(func(t *testing.T, dst, clid string, from int) {
		if len(dst)+len(clid) > 2000 {
			t.Skip()
		}
		text := csv("", clid, dst, clid, "PJSIP/666-00000001") + csv("", clid, dst, clid, "PJSIP/667-00000001")
		lines := strings.SplitAfter(text, "\n")
		r := New(nil, time.UTC)
		for _, c := range read(r, strings.Join(lines[max(from, 0)%len(lines):], "")) {
			if c.Account != "666" && c.Account != "667" {
				t.Errorf("got %+v", c)
			}
		}
	})
}
