package main

import (
	"slices"
	"strings"
)

// wrap breaks a text into lines: the first of at most first characters, the others of at
// most more. It breaks at blanks, but never inside a command or a line for a configuration
// file, which people copy. One that is wider than a line stays whole, and its line is then
// too wide.
func wrap(text string, first, more int) (lines []string) {
	kept := keptParts(text)
	for width := first; len(text) > width; width = more {
		at := breakOf(text, kept, width)
		if at == len(text) {
			break
		}
		lines = append(lines, text[:at])
		for at < len(text) && text[at] == ' ' {
			at++
		}
		text, kept = text[at:], kept[at:]
	}
	if text != "" || lines == nil {
		lines = append(lines, text)
	}
	return lines
}

// breakOf is how long the next line of text is. It must not end inside what is kept.
func breakOf(text string, kept []bool, width int) int {
	begin := len(text) - len(strings.TrimLeft(text, " "))
	inCommand := false
	for at := width; at > begin; at-- {
		inCommand = inCommand || kept[at]
		if text[at] == ' ' && !kept[at] && (at >= width/2 || inCommand) {
			return at
		}
	}
	if !inCommand { // a word as wide as the line
		return width
	}
	for at := width; at < len(text); at++ {
		if text[at] == ' ' && !kept[at] {
			return at
		}
	}
	return len(text)
}

// programs are those whose commands are in our messages.
var programs = []string{"apt-get", "asterisk", "fuser", "ipset", "iptables-save", "jailctl", "journalctl", "modprobe", "nft", "ss", "systemctl", "tcpdump", "timedatectl"}

// keptParts marks what is a command, or a line for a configuration file such as
// "security => security" or "wire: {enabled: true}".
func keptParts(text string) []bool {
	kept := make([]bool, len(text)+1)
	before := ""
	for at := 0; at < len(text); {
		word, _, _ := strings.Cut(text[at:], " ")
		end := at + len(word)
		switch {
		case slices.Contains(programs, strings.Trim(word, "(")):
			end = commandEnd(text, at, strings.HasSuffix(before, ":"))
		case strings.HasPrefix(word, "{") && strings.Contains(text[at:], "}"):
			end = at + strings.IndexByte(text[at:], '}')
			keep(kept, text, at-1, at) // and the key before it
		case word == "=>":
			if value, _, _ := strings.Cut(text[min(end+1, len(text)):], " "); value != "" {
				end += 1 + len(value)
			}
			keep(kept, text, at-1, at)
		}
		keep(kept, text, at, end)
		before = word
		at = end + 1
	}
	return kept
}

func keep(kept []bool, text string, from, to int) {
	for i := max(from, 0); i < to; i++ {
		kept[i] = true
	}
}

// commandEnd is where the command ends that begins at a place of the text: at punctuation,
// or in the middle of a sentence after what can only be a part of it. introduced: a colon
// is before it, as in "run: jailctl off".
func commandEnd(text string, from int, introduced bool) int {
	at, quoted, words := from, false, 0
	whole := introduced || !strings.HasPrefix(strings.TrimLeft(text[from:], "("), "jailctl")
	for at < len(text) {
		word, _, _ := strings.Cut(text[at:], " ")
		if !quoted && !whole && words > 1 && !isArgument(word) {
			return at - 1
		}
		words++
		at += len(word)
		if strings.Count(word, "'")%2 == 1 {
			quoted = !quoted
		}
		if !quoted && strings.ContainsAny(word[max(len(word)-1, 0):], ",;:)") {
			return at
		}
		at++
	}
	return len(text)
}

// isArgument reports whether a word behind a verb cannot be one of the sentence around it.
func isArgument(word string) bool {
	return strings.HasPrefix(word, "-") || strings.ContainsAny(word, "/|='0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") ||
		slices.Contains([]string{"update", "status", "lookup", "fail2ban", "topics", "words"}, strings.TrimRight(word, ",;:)"))
}
