// Package php reads PHP files as far as jailctl audit needs it: which calls a file makes, and
// whether what a browser sends reaches a call that runs commands. The parts of jailctl audit
// call it. It must never run what it reads, and never believe that a file is harmless: it
// knows what it looks for, and nothing else.
package php

import "strings"

// Kind is what a Token is.
type Kind uint8

const (
	Word     Kind = iota // a name or a keyword, in lower case: PHP does not tell them apart
	Variable             // with its $
	Text                 // a text in quotes, without them
	Shell                // what is between backticks: a command
	Sign                 // one other character
)

// Token is a part of a program. Comments, blanks, numbers and what is outside <?php ?> are
// none.
type Token struct {
	Kind Kind
	Text string
	Line int // counted from 1

	Plain bool // a Text in which PHP looks for no variables: in single quotes
}

// maxTokens bounds one file: the file may have been made for us.
const maxTokens = 1 << 18

// Tokens are the parts of a PHP file, in order. whole is false where there are too many.
func Tokens(text string) (list []Token, whole bool) {
	l := lexer{text: text, line: 1}
	for l.open() {
		for l.next() {
			if len(l.list) == maxTokens {
				return l.list, false
			}
		}
	}
	return l.list, true
}

// lexer is at a byte of a file.
type lexer struct {
	text string
	at   int
	line int
	list []Token
}

// skip goes to a later byte.
func (l *lexer) skip(to int) {
	to = min(to, len(l.text))
	l.line += strings.Count(l.text[l.at:to], "\n")
	l.at = to
}

// open goes behind the next "<?php", "<?=" or "<?".
func (l *lexer) open() bool {
	for {
		i := strings.Index(l.text[l.at:], "<?")
		if i < 0 {
			l.skip(len(l.text))
			return false
		}
		l.skip(l.at + i + 2)
		rest := l.text[l.at:]
		switch {
		case len(rest) >= 3 && strings.EqualFold(rest[:3], "php"):
			l.skip(l.at + 3)
			return true
		case len(rest) >= 3 && strings.EqualFold(rest[:3], "xml"):
			continue
		}
		return true // "=" is a sign
	}
}

// next reads one token, a blank or a comment. It is false at the end of the program.
func (l *lexer) next() bool {
	rest := l.text[l.at:]
	if rest == "" {
		return false
	}
	c := rest[0]
	switch {
	case strings.HasPrefix(rest, "?>"):
		l.skip(l.at + 2)
		return false
	case c <= ' ':
		l.skip(l.at + 1)
	case strings.HasPrefix(rest, "/*"):
		l.until("*/", 2)
	case strings.HasPrefix(rest, "//"), c == '#' && !strings.HasPrefix(rest, "#["):
		l.lineComment()
	case c == '\'' || c == '"' || c == '`':
		l.quoted(c)
	case strings.HasPrefix(rest, "<<<"):
		l.heredoc()
	case c == '$' && len(rest) > 1 && isName(rest[1]):
		l.take(Variable, 1+nameLength(rest[1:]))
	case isName(c) && !isDigit(c):
		l.take(Word, nameLength(rest))
	case isDigit(c):
		l.skip(l.at + nameLength(rest)) // 0x1F, 12abc: nothing that matters begins with a digit
	default:
		l.take(Sign, 1)
	}
	return true
}

func (l *lexer) take(kind Kind, length int) {
	text := l.text[l.at : l.at+length]
	if kind == Word {
		text = lower(strings.TrimPrefix(text, `\`))
	}
	l.add(kind, text)
	l.skip(l.at + length)
}

func (l *lexer) add(kind Kind, text string) {
	l.list = append(l.list, Token{Kind: kind, Text: text, Line: l.line})
}

// until goes behind an end, which begins to be looked for after some bytes.
func (l *lexer) until(end string, after int) {
	i := strings.Index(l.text[l.at+after:], end)
	if i < 0 {
		l.skip(len(l.text))
		return
	}
	l.skip(l.at + after + i + len(end))
}

// lineComment ends with its line, or before "?>".
func (l *lexer) lineComment() {
	rest := l.text[l.at:]
	end := strings.IndexByte(rest, '\n')
	if end < 0 {
		end = len(rest)
	}
	if i := strings.Index(rest[:end], "?>"); i >= 0 {
		end = i
	}
	l.skip(l.at + end)
}

func (l *lexer) quoted(quote byte) {
	end := l.at + 1
	for end < len(l.text) && l.text[end] != quote {
		if l.text[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(l.text))
	kind := Text
	if quote == '`' {
		kind = Shell
	}
	l.add(kind, l.text[l.at+1:end])
	l.list[len(l.list)-1].Plain = quote == '\''
	l.skip(end + 1)
}

// heredoc reads <<<NAME, <<<"NAME" and <<<'NAME' up to a line that begins with NAME.
func (l *lexer) heredoc() {
	line, body, found := strings.Cut(l.text[l.at+3:], "\n")
	name := strings.Trim(strings.TrimSpace(line), `"'`)
	if !found || name == "" || nameLength(name) != len(name) {
		l.take(Sign, 1)
		return
	}
	length := 0
	for one := range strings.SplitAfterSeq(body, "\n") {
		rest, ends := strings.CutPrefix(strings.TrimLeft(one, " \t"), name)
		if ends && (rest == "" || !isName(rest[0])) {
			l.add(Text, body[:length])
			l.skip(l.at + 3 + len(line) + 1 + length + len(one) - len(rest))
			return
		}
		length += len(one)
	}
	l.add(Text, body)
	l.skip(len(l.text))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isName reports whether a byte can be in a name: "\" separates namespaces.
func isName(c byte) bool {
	return c == '_' || c == '\\' || c >= 0x80 || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// lower is a name in lower case: PHP has no other letters than those of ASCII in it.
func lower(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func nameLength(text string) int {
	n := 0
	for n < len(text) && isName(text[n]) {
		n++
	}
	return n
}

// Is reports whether a token is this sign, word or variable.
func (t Token) Is(kind Kind, text string) bool { return t.Kind == kind && t.Text == text }

// Arguments are the arguments of a call: list[at] is its opening bracket. end is behind the
// closing one.
func Arguments(list []Token, at int) (args [][]Token, end int) {
	depth, begin := 0, at+1
	for i := at; i < len(list); i++ {
		if list[i].Kind != Sign {
			continue
		}
		switch list[i].Text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth == 0 {
				return append(args, list[begin:i]), i + 1
			}
		case ",":
			if depth == 1 {
				args, begin = append(args, list[begin:i]), i+1
			}
		}
	}
	return append(args, list[min(begin, len(list)):]), len(list)
}

// Calls are the places of calls of a function by its name, in lower case: not of a method
// and not where a function is defined.
func Calls(list []Token, name string) (at []int) {
	for i, t := range list {
		if !t.Is(Word, name) || i+1 >= len(list) || !list[i+1].Is(Sign, "(") {
			continue
		}
		if i > 0 && (list[i-1].Is(Sign, ">") || list[i-1].Is(Sign, ":") && i > 1 && list[i-2].Is(Sign, ":") || list[i-1].Is(Word, "function") || list[i-1].Is(Word, "new")) {
			continue
		}
		at = append(at, i)
	}
	return at
}
