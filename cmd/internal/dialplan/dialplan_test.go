package dialplan

import (
	"regexp"
	"strings"
	"testing"
)

// callerText is what a caller writes: each must be an argument of FILTER().
var callerText = regexp.MustCompile(`\$\{(?:EXTEN|FROM_DID|CALLERID\([a-z]+\)|CHANNEL\(useragent\)|PJSIP_HEADER\([^)]*\))`)

// TestUnknown: no text of a caller comes through unfiltered, in no form for no driver.
func TestUnknown(t *testing.T) {
	sets := [][]Driver{{PJSIP}, {ChanSIP}, {IAX2}, {PJSIP, ChanSIP, IAX2}}
	for _, format := range Formats {
		for _, drivers := range sets {
			text := Unknown(drivers, Format(format))
			var code strings.Builder
			for line := range strings.Lines(text) {
				if !strings.HasPrefix(line, ";") && !strings.HasPrefix(line, "//") {
					code.WriteString(line)
				}
				if comment := strings.HasPrefix(line, "; ") || strings.HasPrefix(line, "// "); comment && len(line) > 101 {
					t.Errorf("%s: got a long line: %s", format, line)
				}
			}
			for _, at := range callerText.FindAllStringIndex(code.String(), -1) {
				before := code.String()[:at[0]]
				if open := before[strings.LastIndexByte(before, '=')+1:]; !strings.HasPrefix(open, "${FILTER(") || !strings.HasSuffix(open, ",") {
					t.Errorf("%s, %v: not filtered: %s", format, drivers, code.String()[at[0]:at[1]])
				}
			}
			if bad := regexp.MustCompile(`(?i)System|SHELL|AGI|\bENV\b|EXEC|EVAL|FILE\(`).FindString(code.String()); bad != "" {
				t.Errorf("%s, %v: got %s in it", format, drivers, bad)
			}
			if n := strings.Count(code.String(), "Log(WARNING,"); n != len(drivers) {
				t.Errorf("%s, %v: got %d calls of Log, want one for each driver", format, drivers, n)
			}
			if strings.Count(code.String(), "{")-strings.Count(code.String(), "}") != 0 || strings.Count(code.String(), "(") != strings.Count(code.String(), ")") {
				t.Errorf("%s, %v: a bracket is left open", format, drivers)
			}
		}
	}
}

// TestBar: emergency numbers pass, with each code for an outside line too.
func TestBar(t *testing.T) {
	text := Bar([]string{"0"}, []string{"112"})
	for _, line := range []string{"exten => b112,1,Return()", "exten => b0112,1,Return()", "DB_EXISTS(pbxjail-barred/${account})"} {
		if !strings.Contains(text, line) {
			t.Errorf("got %s, want %s in it", text, line)
		}
	}
}

// TestAdvice: no phone loses its calls by what the comment says, each file that is changed is
// read again, and the log is the one that the PBX keeps.
func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		drivers    []Driver
		format     Format
		want, none []string
	}{
		{[]Driver{PJSIP}, Plain, []string{"only if calls without an account reach the dialplan today", "asterisk -rx 'pjsip reload'", "asterisk/messages"}, []string{"sip show peer", "iax2 reload", "'sip reload'"}},
		{[]Driver{ChanSIP}, Plain, []string{"WARNING: a phone or a trunk without a context of its own", "grep -nE", "asterisk -rx 'sip reload'"}, []string{"pjsip reload"}},
		{[]Driver{PJSIP, IAX2}, AEL, []string{"ael reload", "pjsip reload", "iax2 reload"}, []string{"'sip reload'"}},
		{[]Driver{PJSIP}, FreePBX, []string{"do NOT change its destination", "jailctl parse /var/log/asterisk/full", "logger show channels", "Apply Config"}, []string{"asterisk/messages", "IAX2"}},
		{[]Driver{IAX2}, FreePBX, []string{"IAX2: the setting for anonymous SIP calls says nothing", "iax2 reload", "do NOT change its destination"}, []string{"SIP: \"Allow Anonymous"}},
	} {
		text := advice(c.drivers, c.format)
		for _, part := range c.want {
			if !strings.Contains(text, part) {
				t.Errorf("%v, %s: want %q in:\n%s", c.drivers, c.format, part, text)
			}
		}
		for _, part := range c.none {
			if strings.Contains(text, part) {
				t.Errorf("%v, %s: want no %q in:\n%s", c.drivers, c.format, part, text)
			}
		}
		if need, first := strings.Index(text, "You need the lines only if"), strings.Index(text, "\n1. "); need < 0 || need > first {
			t.Errorf("%v, %s: who needs the lines must come before step 1", c.drivers, c.format)
		}
	}
}
