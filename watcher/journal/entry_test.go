package journal

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// entryOf is an entry as journalctl writes it; more are fields of JSON.
func entryOf(message string, more ...string) string {
	fields := append([]string{`"__CURSOR":"s=1a;i=2f;b=3c;m=4d;t=5e;x=6f"`, `"__REALTIME_TIMESTAMP":"1772445600123456"`, `"_HOSTNAME":"pbx"`, `"MESSAGE":` + message}, more...)
	return "{" + strings.Join(fields, ",") + "}"
}

const head = "2026-03-02T10:00:00.123456+00:00 pbx "

func TestDecode(t *testing.T) {
	byAsterisk, bySyslog := `"_COMM":"asterisk","_PID":"812"`, `"_TRANSPORT":"syslog"`
	for _, c := range []struct{ what, entry, want string }{
		{"a message of syslog", entryOf(`"NOTICE[7]: x.c:1 in f: y"`, byAsterisk, bySyslog), head + "asterisk[812]: NOTICE[7]: x.c:1 in f: y"},
		{"a newline is data", entryOf(`"NOTICE[7]: x.c:1 in f: a\nNOTICE[7]: x.c:1 in f: b"`, byAsterisk, bySyslog), head + "asterisk[812]: NOTICE[7]: x.c:1 in f: a#012NOTICE[7]: x.c:1 in f: b"},
		{"bytes", entryOf(`[97,27,10,255]`, byAsterisk, bySyslog), head + "asterisk[812]: a#033#012\xff"},
		{"the rest of a record on the console", entryOf(`"NOTICE[7]: x.c:1 in f: forged"`, byAsterisk, `"_TRANSPORT":"stdout"`), head + "asterisk[812]:  NOTICE[7]: x.c:1 in f: forged"},
		{"a record on the console", entryOf(`"[2026-03-02 10:00:00] NOTICE[7]: x.c:1 f: y"`, byAsterisk, `"_TRANSPORT":"stdout"`), head + "asterisk[812]: [2026-03-02 10:00:00] NOTICE[7]: x.c:1 f: y"},
		{"another line of a service", entryOf(`"Refused"`, `"_COMM":"door"`, `"_TRANSPORT":"stdout"`), head + "door: Refused"},
		{"another program with Asterisk's name", entryOf(`"x"`, `"_COMM":"logger","_PID":"9","SYSLOG_IDENTIFIER":"asterisk"`, bySyslog), head + "logger[9]: x"},
		{"Asterisk with another name", entryOf(`"x"`, byAsterisk, `"SYSLOG_IDENTIFIER":"pbx"`, bySyslog), head + "asterisk[812]: x"},
		{"a name of two words", entryOf(`"x"`, `"_COMM":"logger","SYSLOG_IDENTIFIER":"sshd[1]: Failed"`), head + "sshd_1___Failed: x"},
		{"a name with a newline", entryOf(`"x"`, `"_COMM":"a\nb"`), head + "a_b: x"},
		{"a number that is none", entryOf(`"x"`, `"_COMM":"a","_PID":"1]: y"`), head + "a: x"},
		{"no name", entryOf(`"x"`), head + "unknown: x"},
		{"a text that is too long for journalctl", entryOf(`null`), ""},
		{"two texts", entryOf(`["a","b"]`), ""},
		{"two texts of bytes", entryOf(`[[97],[98]]`), ""},
		{"a number above a byte", entryOf(`[256]`), ""},
		{"no text", `{"__REALTIME_TIMESTAMP":"1772445600123456"}`, ""},
		{"no time", `{"MESSAGE":"x"}`, ""},
		{"a time beyond the calendar", `{"MESSAGE":"x","__REALTIME_TIMESTAMP":"9223372036854775807"}`, ""},
		{"no object", `["MESSAGE"]`, ""},
		{"null", `null`, ""},
		{"a part of an entry", entryOf(`"x"`)[:40], ""},
	} {
		var d Decoder
		e, err := d.Decode([]byte(c.entry))
		if string(e.Line) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %q, %v, want %q", c.what, e.Line, err, c.want)
		}
	}
	var d Decoder
	if e, _ := d.Decode([]byte(entryOf(`null`))); e.Cursor == "" {
		t.Error("an entry without a text does not move the cursor")
	}
	if e, _ := d.Decode([]byte(`{"__REALTIME_TIMESTAMP":"1","MESSAGE":"x","__CURSOR":"--system"}`)); e.Cursor != "" {
		t.Errorf("got the cursor %q, which is an option", e.Cursor)
	}
}

func TestSaved(t *testing.T) {
	long := entryOf(`"` + strings.Repeat("a", maxEntry) + `"`)
	text := entryOf(`"a\nb"`, `"_COMM":"door"`) + "\n" + long + "\n-- No entries --\n\n" + entryOf(`"c"`, `"_COMM":"door"`)
	if !IsSaved([]byte(text)) || IsSaved([]byte(`{"log":"x"}`)) || IsSaved([]byte("[x] "+text)) || IsSaved(nil) {
		t.Error("saved entries are not known from other text")
	}
	got, err := io.ReadAll(Saved(iotest.OneByteReader(strings.NewReader(text))))
	if want := head + "door: a#012b\n" + head + "door: c\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// FuzzDecode eats any bytes as an entry. A line is one line, without control characters, and
// its head ends where ours does: the first ": " is not the writer's.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(entryOf(`"NOTICE[7]: x.c:1 in f: a\nb"`, `"_COMM":"asterisk","_PID":"812","_TRANSPORT":"syslog"`)))
	f.Add([]byte(entryOf(`[97,10]`, `"_COMM":"a: b","SYSLOG_IDENTIFIER":"asterisk"`)))
	f.Add([]byte(`{"MESSAGE":["a"],"__REALTIME_TIMESTAMP":"5","__CURSOR":"s"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d Decoder
		e, err := d.Decode(raw)
		if (err == nil) != (len(e.Line) > 0) {
			t.Fatalf("line %q, error %v", e.Line, err)
		}
		if e.Cursor != "" && !cursorForm.MatchString(e.Cursor) {
			t.Fatalf("cursor %q", e.Cursor)
		}
		if err != nil {
			return
		}
		for _, c := range e.Line {
			if c < ' ' || c == 0x7f {
				t.Fatalf("control character in %q", e.Line)
			}
		}
		before, _, _ := strings.Cut(string(e.Line), ": ")
		words := strings.Fields(before)
		if len(words) != 3 {
			t.Fatalf("head of %d words: %q", len(words), before)
		}
		name, _, _ := strings.Cut(words[2], "[")
		var fields map[string]json.RawMessage
		_ = json.Unmarshal(raw, &fields)
		if name == asterisk && text(fields["_COMM"]) != asterisk {
			t.Fatalf("another program has Asterisk's name: %q", e.Line)
		}
		if got, err := io.ReadAll(Saved(bytes.NewReader(raw))); err != nil || bytes.Count(got, []byte("\n")) > 1+bytes.Count(raw, []byte("\n")) {
			t.Fatalf("got %q, %v", got, err)
		}
	})
}
