package remote

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"pbxjail/cmd/internal/findings"
)

// mostSummary is how long a summary is, in bytes.
const mostSummary = 300

// Summary is the answer of a verb in one line of foreign text: the worst finding of a verb
// that lists findings, the error of one that failed, and else the first line. Of a table it
// is the last row.
func Summary(exit int, out, said string) string {
	text := summary(exit, out, said)
	if len(text) > mostSummary {
		return text[:mostSummary] + "..."
	}
	return text
}

// What a foreign JSON value may have, so that it takes little memory: how long it may be to
// be decoded, in bytes, and how deep its arrays and objects may be in one another.
const (
	mostDecoded = 256 << 10
	mostDepth   = 64
)

// tooLong is in the place of a summary.
const tooLong = "the answer is too long for one line; to see it, write --wide or --json"

// found is what a summary reads of findings.Report: less than all, for the memory.
type found struct {
	Findings []struct {
		Severity findings.Severity `json:"severity"`
		About    string            `json:"about"`
		What     string            `json:"what"`
	} `json:"findings"`
}

// IsJSON reports whether text is one JSON value, and not nested deeper than any verb prints.
func IsJSON(text string) bool {
	return !tooDeep(text) && json.Valid([]byte(text))
}

// tooDeep counts the brackets that are open, outside of strings. It holds for JSON alone.
func tooDeep(text string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > mostDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

func summary(exit int, out, said string) string {
	var report found
	isJSON := IsJSON(out)
	if isJSON && len(out) > mostDecoded || !isJSON && tooDeep(out) && json.Valid([]byte(out)) {
		return tooLong
	}
	if isJSON {
		_ = json.Unmarshal([]byte(out), &report) // what is no report has no findings
	}
	lines := linesOf(out)
	if worst, others := worstFinding(lines, report); others > 0 {
		return fmt.Sprintf("%s (and %d more)", worst, others)
	} else if worst != "" {
		return worst
	}
	if exit != 0 {
		for _, line := range linesOf(said) {
			if text, found := strings.CutPrefix(line, "jailctl: "); found {
				return text
			}
		}
		if line := lastLine(said); line != "" {
			return line
		}
	}
	switch {
	case len(lines) == 0 || isJSON:
		return ""
	case isHead(lines[0]) && len(lines) == 1:
		return "no rows"
	case isHead(lines[0]):
		return lines[len(lines)-1]
	}
	return lines[0]
}

func linesOf(text string) []string {
	lines := strings.Split(text, "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return strings.TrimSpace(line) == "" })
}

// worstFinding is the first of the worst findings, in lines or in a report, without the
// blanks between its columns, and how many others are problems. worst "": there is none.
func worstFinding(lines []string, report found) (worst string, others int) {
	var most findings.Severity
	add := func(s findings.Severity, text string) {
		if s > findings.Note {
			others++
		}
		if worst == "" || s > most {
			worst, most = s.String()+" "+text, s
		}
	}
	for _, line := range lines {
		word, text, _ := strings.Cut(line, " ")
		var s findings.Severity
		if s.UnmarshalText([]byte(word)) == nil {
			add(s, strings.TrimSpace(text))
		}
	}
	for _, f := range report.Findings {
		add(f.Severity, f.About+": "+f.What)
	}
	if most > findings.Note {
		others--
	}
	return worst, others
}

// isHead reports whether a line is the head of a table: words in capitals alone.
func isHead(line string) bool {
	return line == strings.ToUpper(line) && strings.ContainsAny(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// severity orders exit statuses of jailctl from the best to the worst: done, only risks, no
// such jail, failed. All others are worse.
var severity = [...]int{0, 4, 3, 1}

// Worse is the worse one of two exit statuses. unreached is the worst: the PBX did not answer.
func Worse(a, b, unreached int) int {
	rank := func(exit int) int {
		if exit == unreached {
			return len(severity) + 1
		}
		if i := slices.Index(severity[:], exit); i >= 0 {
			return i
		}
		return len(severity)
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
