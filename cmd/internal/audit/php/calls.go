package php

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"io"
	"regexp"
	"slices"
	"strings"
)

// maxHidden bounds a text that a file hides, in bytes: a few bytes can be packed from very
// many.
const maxHidden = 1 << 20

// harmless functions change the form of a text and hide nothing.
var harmless = map[string]bool{"trim": true, "stripslashes": true, "strval": true, "urldecode": true, "htmlspecialchars_decode": true, "html_entity_decode": true}

// decoders are functions that only change the form of their first argument; nil: the result
// is not worked out.
var decoders = map[string]func(string) (string, bool){
	"trim": known, "stripslashes": known, "strval": known, "urldecode": nil, "htmlspecialchars_decode": nil, "html_entity_decode": nil,
	"rawurldecode": nil, "convert_uudecode": nil, "str_replace": nil, "pack": nil,
	"base64_decode": func(t string) (string, bool) {
		t = strings.Map(func(r rune) rune {
			if strings.ContainsRune("\r\n\t =", r) {
				return -1
			}
			return r
		}, t)
		out, err := base64.RawStdEncoding.DecodeString(t)
		return string(out), err == nil
	},
	"hex2bin":      func(t string) (string, bool) { out, err := hex.DecodeString(t); return string(out), err == nil },
	"strrev":       func(t string) (string, bool) { b := []byte(t); slices.Reverse(b); return string(b), true },
	"str_rot13":    func(t string) (string, bool) { return strings.Map(rot13, t), true },
	"gzinflate":    func(t string) (string, bool) { return unpacked(flate.NewReader(strings.NewReader(t)), nil) },
	"gzuncompress": func(t string) (string, bool) { return unpackedBy(zlib.NewReader(strings.NewReader(t))) },
	"gzdecode": func(t string) (string, bool) {
		r, err := gzip.NewReader(strings.NewReader(t))
		return unpacked(r, err)
	},
}

func known(text string) (string, bool) { return text, true }

func rot13(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return 'a' + (r-'a'+13)%26
	case r >= 'A' && r <= 'Z':
		return 'A' + (r-'A'+13)%26
	}
	return r
}

func unpackedBy(r io.ReadCloser, err error) (string, bool) { return unpacked(r, err) }

func unpacked(r io.Reader, err error) (string, bool) {
	if err != nil {
		return "", false
	}
	out, err := io.ReadAll(io.LimitReader(r, maxHidden))
	return string(out), err == nil || len(out) > 0
}

// call looks at a call of a function by its name.
func (s *scan) call(list []Token, i, depth int) {
	t := list[i]
	args, _ := s.arguments(list, i+1)
	first := s.lead(args[0], 0)
	switch {
	case slices.Contains(runs, t.Text):
		switch {
		case first.foreign:
			s.see(t.Line, true, "a browser sends the command that the page runs")
		case s.callsOut(args[0]):
			s.see(t.Line, true, "a browser sends the number that the page lets Asterisk call")
		}
	case slices.Contains(executes, t.Text):
		if t.Text == "create_function" && len(args) > 1 {
			first = s.lead(args[1], 0)
		}
		s.executed(t, first, s.afterTag(args[0]), depth)
		if t.Text == "eval" {
			s.puzzled(t, args[0], first)
		}
	case s.appliesForeign(t.Text, args):
		s.see(t.Line, true, "a browser sends what the page hands to a function that it runs")
	case t.Text == "preg_replace" && len(args) > 2 && evaluates(first) && (s.lead(args[1], 0).foreign || s.lead(args[2], 0).foreign):
		s.see(t.Line, true, "a browser sends PHP that the page runs (preg_replace with e)")
	case t.Text == "file_put_contents" && len(args) > 1 && first.foreign && s.lead(args[1], 0).foreign:
		if s.isChecked(args[0], first) {
			s.seeWay(t.Line, false, Writes, "a browser sends a file and says where the page stores it; the page compares the place with something before")
			return
		}
		s.seeWay(t.Line, true, Writes, "a browser sends a file and says where the page stores it")
	case (t.Text == "move_uploaded_file" || t.Text == "copy") && len(args) > 1 && isFiles(args[0]) && isFiles(args[1]):
		s.see(t.Line, true, "a browser stores a file under a name that it chooses")
	}
}

// isFiles reports whether an expression is just a part of $_FILES.
func isFiles(list []Token) bool {
	for len(list) > 0 && list[0].Is(Sign, "@") {
		list = list[1:]
	}
	return len(list) > 0 && list[0].Is(Variable, "$_FILES")
}

// evaluates knows a pattern of preg_replace whose replacement runs: "/x/e".
func evaluates(v value) bool {
	at := strings.LastIndexAny(v.text, "/#~|!@")
	return v.known && at > 0 && strings.Contains(v.text[at:], "e") && regexp.MustCompile(`^.[a-zA-Z]*$`).MatchString(v.text[at:])
}

// originates is how a call goes out over the command line of Asterisk.
var originates = regexp.MustCompile(`channel originate|originate Local/`)

// callsOut knows a command of Asterisk that has what a browser sends in it.
func (s *scan) callsOut(list []Token) bool {
	text, foreign := false, false
	for _, t := range list {
		text = text || t.Kind == Text && originates.MatchString(t.Text)
		foreign = foreign || t.Kind == Variable && (isForeign(t.Text) || s.values[t.Text].foreign) || t.Kind == Text && !t.Plain && inText.MatchString(t.Text)
	}
	return text && foreign
}

// lead of a program: nothing, the end of a tag, or a word behind which a whole expression is.
var programLead = regexp.MustCompile(`^\s*(?:.*\?>|return|echo|print)?\s*$`)

// afterTag is what is behind '?>' . or 'return ' . in front of a program: eval('?>' . $program).
func (s *scan) afterTag(list []Token) (v value) {
	if len(list) > 2 && list[0].Kind == Text && list[1].Is(Sign, ".") && programLead.MatchString(list[0].Text) {
		return s.lead(list[2:], 0)
	}
	return v
}

// executed looks at a program that the page makes and runs.
func (s *scan) executed(t Token, v, behind value, depth int) {
	if behind.foreign || behind.hidden {
		v = behind
	}
	switch {
	case v.foreign:
		s.see(t.Line, true, "a browser sends PHP that the page runs")
	case v.known && depth < maxInside:
		before := len(s.list)
		program, _ := Tokens("<?php " + strings.TrimPrefix(v.text, "?>"))
		if bytes.Contains([]byte(v.text), []byte("<?")) {
			program, _ = Tokens(v.text)
		}
		s.program(program, depth+1)
		for i := before; i < len(s.list); i++ {
			s.list[i].Line, s.list[i].What = t.Line, s.list[i].What+map[bool]string{true: ", in a part that the file hides", false: ", in a text that it runs"}[v.hidden]
		}
	case v.hidden:
		s.see(t.Line, false, "the page runs PHP that the file hides")
	}
}
