package fail2ban

import (
	"regexp"
	"slices"
	"strings"
)

// notAhead is a word, or several, that must not follow, before a run of characters of one
// class: (?!evasive)\S+. RE2 looks at nothing ahead, but such a run can be written out.
var notAhead = regexp.MustCompile(`\(\?!([A-Za-z0-9_=-]+(?:\|[A-Za-z0-9_=-]+)*)\)(\\S|\\w|\[\\w-\])\+`)

// maxWords bounds the letters that are written out.
const maxWords = 64

// withoutLookahead writes such runs out: "any first character but e; or e and any second one
// but v; ...". It finds no run that the original does not find. A run that is only the
// beginning of a word it does not find: a pattern must not match more than it was written for.
func withoutLookahead(line string) string {
	if strings.Contains(line, "(?i") {
		return line
	}
	return notAhead.ReplaceAllStringFunc(line, func(found string) string {
		part := notAhead.FindStringSubmatch(found)
		words, class := strings.Split(part[1], "|"), part[2]
		if len(part[1]) > maxWords || slices.ContainsFunc(words, func(word string) bool { return !within(word, class) }) {
			return found
		}
		return "(?:" + strings.Join(others(words, class), "|") + ")"
	})
}

// within reports whether all of a word are characters of a class.
func within(word, class string) bool {
	return class == `\S` || !strings.ContainsAny(word, "=") && (class != `\w` || !strings.Contains(word, "-"))
}

// others are the runs of a class that begin with none of the words.
func others(words []string, class string) (list []string) {
	var first []byte
	for _, word := range words {
		if !slices.Contains(first, word[0]) {
			first = append(first, word[0])
		}
	}
	list = append(list, but(class, first)+class+"*")
	for _, c := range first {
		var rest []string
		whole := false
		for _, word := range words {
			if word[0] == c {
				whole = whole || len(word) == 1
				rest = append(rest, word[1:])
			}
		}
		if !whole {
			list = append(list, regexp.QuoteMeta(string(c))+"(?:"+strings.Join(others(rest, class), "|")+")")
		}
	}
	return list
}

// but is a class without some of its characters.
func but(class string, without []byte) string {
	if class == `\S` {
		return `[^\s` + strings.ReplaceAll(string(without), "-", `\-`) + `]`
	}
	var b strings.Builder
	for c := byte('-'); c <= 'z'; c++ {
		letter := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_'
		if (letter || c == '-' && class == `[\w-]`) && !slices.Contains(without, c) {
			b.WriteString(strings.ReplaceAll(string(c), "-", `\-`))
		}
	}
	return "[" + b.String() + "]"
}
