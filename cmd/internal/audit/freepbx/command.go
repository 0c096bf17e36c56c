package freepbx

import (
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
)

// What is said of a command.
const (
	knownCommand = "starts what a known attack leaves"
	knownHost    = "fetches from a machine of a known attack"
	fetchesRuns  = "fetches a program from another machine and runs it at once"
	decodesRuns  = "runs a program that is hidden in base64"
	hiddenRuns   = "runs a hidden file of a folder that every user can write to"
)

// judgeCommand says what is wrong with a line of a shell; "": nothing that is known. sure:
// nothing honest is known to look so. What is behind a "#" is a comment.
func (s signs) judgeCommand(line string) (what string, sure bool) {
	parts := split(line)
	code := strings.Builder{}
	for _, p := range parts {
		code.WriteString(strings.Join(p.words, " ") + " ")
	}
	text := code.String()
	for _, one := range s.Commands {
		if at := strings.Index(text, one); at >= 0 && ends(text[at+len(one):], one) {
			return knownCommand, true
		}
	}
	for _, one := range s.Hosts {
		if at := strings.Index(text, one); at >= 0 && ends(text[at+len(one):], one) {
			return knownHost, true
		}
	}
	saved := map[string]bool{} // files that were fetched
	for i, p := range parts {
		switch {
		case s.decodes(p) && s.pipedInto(parts[i:]):
			return decodesRuns, false
		case s.fetches(p) && (s.pipedInto(parts[i:]) || p.inside && i > 0 && s.interprets(parts[i-1], false)):
			return fetchesRuns, false
		case s.fetches(p):
			if file := target(p.words); file != "" && file != "/dev/null" {
				saved[file] = true
			}
		}
		for _, word := range p.words {
			if saved[word] && !s.fetches(p) && (s.interprets(p, true) || p.words[0] == word || p.words[0] == "chmod" || p.words[0] == "source" || p.words[0] == ".") {
				return fetchesRuns, false
			}
		}
		if hiddenFile.MatchString(startedBy(p.words)) || s.interprets(p, true) && slices.ContainsFunc(p.words[1:], hiddenFile.MatchString) {
			return hiddenRuns, false
		}
	}
	return "", false
}

// ends reports whether a known text ends where it was found, and is no part of a longer
// name.
func ends(rest, known string) bool {
	if strings.HasSuffix(known, "/") || rest == "" {
		return true
	}
	c := rest[0]
	return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '.')
}

// hiddenFile is a hidden file or folder where every user can write.
var hiddenFile = regexp.MustCompile(`^(?:/tmp|/var/tmp|/dev/shm)/(?:[^/]+/)*\.[^/.][^\s]*$`)

// simple is one simple command of a line.
type simple struct {
	words  []string
	pipe   bool // its output goes to the next command
	inside bool // in $( ), backticks or <( ) of the command before
}

// split takes a line apart as a shell does, as far as it matters here: quotes, pipes,
// lists, $( ), <( ), backticks and comments.
func split(line string) (list []simple) {
	var now simple
	var word strings.Builder
	in := false
	endWord := func() {
		if in {
			now.words = append(now.words, word.String())
		}
		word.Reset()
		in = false
	}
	endCommand := func(pipe, inside bool) {
		endWord()
		if now.pipe = pipe; len(now.words) > 0 {
			list = append(list, now)
		}
		now = simple{inside: inside}
	}
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c, rest := line[i], line[i:]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == '\'':
			word.WriteByte(c)
		case strings.HasPrefix(rest, "$(") || quote == 0 && strings.HasPrefix(rest, "<("):
			quote, in = 0, word.Len() > 0
			endCommand(false, true)
			i++
		case c == '`':
			in = word.Len() > 0
			endCommand(false, true)
		case quote == '"':
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			endWord()
		case c == '#' && !in:
			endCommand(false, false)
			return list
		case strings.HasPrefix(rest, "||"), strings.HasPrefix(rest, "&&"):
			endCommand(false, false)
			i++
		case strings.HasPrefix(rest, "&>"), strings.HasPrefix(rest, ">&"):
			endWord()
			now.words = append(now.words, ">")
			i++
		case c == '>':
			if text := word.String(); text != "" && strings.Trim(text, "0123456789") == "" { // 2>
				word.Reset()
				in = false
				now.words = append(now.words, text+">")
			} else {
				endWord()
				now.words = append(now.words, ">")
			}
			if strings.HasPrefix(rest, ">>") {
				i++
			}
		case c == '|':
			endCommand(true, false)
		case c == ';' || c == '&' || c == '(' || c == ')' || c == '{' && !in || c == '}' && !in:
			endCommand(false, false)
		default:
			word.WriteByte(c)
			in = true
		}
	}
	endCommand(false, false)
	return list
}

// prefixes are programs that start another one, and words of a shell before a command.
var prefixes = []string{"sudo", "nohup", "exec", "nice", "ionice", "timeout", "env", "command", "setsid", "flock", "time", "then", "do", "else", "if", "while", "!", "[", "test", "root", "asterisk"}

// startedBy is the name of the program that a simple command starts: behind the times and
// the user of a line of cron, and behind programs that start another one.
func startedBy(words []string) string {
	for _, word := range words {
		switch {
		case strings.Contains(word, "=") && !strings.Contains(word, "/"), strings.HasPrefix(word, "-"), strings.HasPrefix(word, "@"):
		case strings.Trim(word, "0123456789*,/-") == "" && word != "/":
		case slices.Contains(prefixes, path.Base(word)):
		default:
			return word
		}
	}
	return ""
}

// fetches reports whether a command gets something from another machine.
func (s signs) fetches(p simple) bool {
	if !slices.ContainsFunc(p.words, func(w string) bool { return slices.Contains(s.Downloaders, path.Base(w)) }) {
		return false
	}
	return !slices.ContainsFunc(p.words, local)
}

// local knows an address of this machine.
func local(word string) bool {
	_, rest, found := strings.Cut(word, "://")
	if !found {
		return false
	}
	host, _, _ := strings.Cut(rest, "/")
	if name, _, port := strings.Cut(host, ":"); port && !strings.HasPrefix(host, "[") {
		host = name
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// decodes reports whether a command prints what base64 hides.
func (s signs) decodes(p simple) bool {
	at := slices.IndexFunc(p.words, func(w string) bool { return path.Base(w) == "base64" || path.Base(w) == "openssl" })
	return at >= 0 && slices.ContainsFunc(p.words[at:], func(w string) bool { return w == "-d" || w == "-D" || w == "--decode" || w == "-di" })
}

// pipedInto reports whether the output of the first command ends in a program that runs it.
func (s signs) pipedInto(list []simple) bool {
	for i := 0; i+1 < len(list) && list[i].pipe; i++ {
		if s.interprets(list[i+1], false) {
			return true
		}
	}
	return false
}

// interprets reports whether a command is an interpreter: of a file, or else of its input.
func (s signs) interprets(p simple, file bool) bool {
	name := startedBy(p.words)
	if name == "eval" || name == "source" || name == "." {
		return true
	}
	if !slices.Contains(s.Interpreters, path.Base(name)) {
		return false
	}
	at := slices.Index(p.words, name)
	for i, word := range p.words[at+1:] {
		switch {
		case word == ">" || strings.HasSuffix(word, ">"):
			return !file
		case word == "-" || word == "-s" || word == "/dev/stdin":
			return !file
		case word == "-c" || word == "-e" || word == "-r": // a program in the line
			return file || p.inside || len(p.words) == at+1+i+1
		case !strings.HasPrefix(word, "-"):
			return file
		}
	}
	return !file
}

// target is the file that a command writes what it fetches to; "": none that is named.
func target(words []string) string {
	for i, word := range words {
		switch {
		case (word == "-o" || word == "-O" || word == "--output" || word == "--output-document" || word == ">" || word == "1>") && i+1 < len(words):
			if word == "-O" && path.Base(startedBy(words)) == "curl" {
				continue
			}
			return words[i+1]
		case strings.HasPrefix(word, "-O") && len(word) > 2, strings.HasPrefix(word, "-o") && len(word) > 2 && strings.HasPrefix(word[2:], "/"):
			return word[2:]
		}
	}
	return ""
}
