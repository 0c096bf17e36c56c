package php

import (
	"regexp"
	"slices"
	"strings"
)

// Sight is what was found in a file.
type Sight struct {
	Line int
	What string // a sentence, without text of the file
	Sure bool   // a browser decides what runs
	Kind Way
}

// Way is what a Sight is about.
type Way uint8

const (
	Runs   Way = iota // the page runs what a browser sends; not Sure: it hides what it runs
	Writes            // a browser says what a file gets and which; not Sure: the page checks which
	Joins             // a part of the PHP that the page runs is what a browser sends
)

// maxSights bounds what is said of one file.
const maxSights = 8

// Functions that run a command, and those that run PHP. None of their names is written as a
// text of its own elsewhere.
var (
	runs     = []string{"system", "exec", "shell_exec", "passthru", "popen", "proc_open", "pcntl_exec"}
	executes = []string{"eval", "assert", "create_function"}
)

// applies are functions that call a function, and which argument names it.
var applies = map[string]int{
	"call_user_func": 0, "call_user_func_array": 0, "array_map": 0, "register_shutdown_function": 0, "forward_static_call": 0, "forward_static_call_array": 0,
	"array_filter": 1, "array_reduce": 1, "array_walk": 1, "array_walk_recursive": 1, "usort": 1, "uasort": 1, "uksort": 1, "preg_replace_callback": 1, "iterator_apply": 1,
}

// foreignVariables are what a browser sends.
var foreignVariables = []string{"$_GET", "$_POST", "$_REQUEST", "$_COOKIE", "$_FILES", "$HTTP_GET_VARS", "$HTTP_POST_VARS", "$HTTP_COOKIE_VARS", "$HTTP_RAW_POST_DATA"}

// inText is such a variable within a text in double quotes or a command.
var inText = regexp.MustCompile(`\$\{?(?:_GET|_POST|_REQUEST|_COOKIE)\b`)

// shellOption ends a text after which a whole command comes: "bash -c '".
var shellOption = regexp.MustCompile(`sh\s+-c\s*["']?$`)

// Shells says where a browser decides what the file runs, and where the file hides what it
// runs. Text in comments and texts that are only printed count for nothing.
// whole is false where the file costs too much to be read to its end.
func Shells(text string) (list []Sight, whole bool) {
	if !worthReading(text) {
		return nil, true
	}
	tokens, whole := Tokens(text)
	s := scan{values: map[string]value{}, checked: map[string]bool{}, purse: purse}
	s.program(tokens, 0)
	return s.list, whole && s.purse > 0
}

// worthReading reports whether a file has words without which nothing can be found in it.
// Most files of a web interface have none.
func worthReading(text string) bool {
	if slices.ContainsFunc([]string{"$_", "HTTP_", "php://input"}, func(word string) bool { return strings.Contains(text, word) }) {
		return true
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc(executes, func(word string) bool { return strings.Contains(text, word) })
}

// purse is how many tokens are looked at for one file: brackets in brackets are looked at
// again and again.
const purse = 1 << 23

// spend is the part of the tokens that can still be looked at.
func (s *scan) spend(list []Token) []Token {
	list = list[:max(0, min(len(list), s.purse))]
	s.purse -= len(list)
	return list
}

// arguments are those of the call at an opening bracket; there is always one.
func (s *scan) arguments(list []Token, at int) (args [][]Token, end int) {
	args, end = Arguments(list[:min(len(list), at+max(1, s.purse))], at)
	s.purse -= end - at
	return args, end
}

// value is what is known of a variable, or of an expression.
type value struct {
	foreign bool   // a browser sends it
	made    bool   // its text is put together, as names of functions are when they are hidden
	known   bool   // text is what it is
	text    string // decoded as far as the file says how
	hidden  bool   // it is decoded while the file runs
	from    string // which part of what a browser sends it begins with: "$_POST|path"
}

type scan struct {
	values  map[string]value
	checked map[string]bool // variables, and parts of what a browser sends, that the page compared with something
	list    []Sight
	purse   int
}

func (s *scan) see(line int, sure bool, what string) { s.seeWay(line, sure, Runs, what) }

func (s *scan) seeWay(line int, sure bool, kind Way, what string) {
	one := Sight{line, what, sure, kind}
	if len(s.list) < maxSights && !slices.Contains(s.list, one) {
		s.list = append(s.list, one)
	}
}

// maxInside is how many programs may be hidden in each other.
const maxInside = 6

// program goes through the tokens in order, and remembers what variables are.
func (s *scan) program(list []Token, depth int) {
	for i, t := range list {
		s.check(list, i)
		switch {
		case s.purse <= 0:
			return
		case t.Kind == Shell && (inText.MatchString(t.Text) || s.named(t.Text)):
			s.see(t.Line, true, "a command in backticks is what a browser sends")
		case t.Kind == Variable && i+1 < len(list):
			s.variable(list, i)
		case t.Kind == Word && i+1 < len(list) && list[i+1].Is(Sign, "("):
			if len(Calls(list[max(0, i-2):i+2], t.Text)) > 0 {
				s.call(list, i, depth)
			}
		}
	}
}

// named reports whether a text has a variable in it that a browser sends.
func (s *scan) named(text string) bool {
	for name, v := range s.values {
		if v.foreign && strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// variable looks at an assignment, and at a call of the function that a variable names.
func (s *scan) variable(list []Token, i int) {
	t, next := list[i], i+1
	for next < len(list) && list[next].Is(Sign, "[") { // $_GET['a']
		_, next = s.arguments(list, next)
	}
	switch {
	case next >= len(list):
	case list[next].Is(Sign, "("):
		args, _ := s.arguments(list, next)
		callee := s.values[t.Text]
		fromBrowser := slices.ContainsFunc(args, func(arg []Token) bool { return s.lead(arg, 0).foreign })
		method := i > 0 && (list[i-1].Is(Sign, ">") || list[i-1].Is(Sign, ":"))
		switch {
		case method:
		case isForeign(t.Text) && next > i+1:
			s.see(t.Line, true, "a browser names the function that the page calls")
		case fromBrowser && (callee.foreign || callee.made || slices.Contains(runs, callee.text) || slices.Contains(executes, callee.text)):
			s.see(t.Line, true, "what a browser sends goes to a function whose name is hidden")
		}
	case list[next].Is(Sign, "=") && next == i+1 && !(next+1 < len(list) && (list[next+1].Is(Sign, "=") || list[next+1].Is(Sign, ">"))):
		if len(s.values) < maxTokens {
			s.values[t.Text] = s.assigned(s.spend(statement(list[next+1:])))
		}
	}
}

// statement is up to the end of a statement.
func statement(list []Token) []Token {
	depth := 0
	for i, t := range list {
		if t.Kind != Sign {
			continue
		}
		switch t.Text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
		if depth < 0 || depth == 0 && t.Text == ";" {
			return list[:i]
		}
	}
	return list
}

// assigned is the value of an expression, also of "condition ? this : that".
func (s *scan) assigned(list []Token) value {
	v := s.lead(list, 0)
	depth := 0
	for i, t := range list {
		if t.Kind != Sign {
			continue
		}
		switch t.Text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case "?", ":":
			if one := s.lead(list[i+1:], 0); depth == 0 && one.foreign {
				v.foreign = true
			}
		case ".":
			v.made = v.made || depth == 0 && !v.foreign
		}
	}
	return v
}

func isForeign(name string) bool { return slices.Contains(foreignVariables, name) }

// lead is what an expression begins with, behind the functions that only decode it.
func (s *scan) lead(list []Token, depth int) value {
	for len(list) > 0 && (list[0].Is(Sign, "@") || list[0].Is(Sign, "&")) {
		list = list[1:]
	}
	if len(list) == 0 || depth > 2*maxInside {
		return value{}
	}
	t := list[0]
	switch {
	case t.Is(Sign, "("):
		args, _ := s.arguments(list, 0)
		return s.lead(args[0], depth+1)
	case t.Kind == Variable && isForeign(t.Text):
		return value{foreign: true, from: keyOf(list)}
	case t.Is(Variable, "$_SERVER") && len(list) > 2 && list[2].Kind == Text && (strings.HasPrefix(list[2].Text, "HTTP_") || list[2].Text == "QUERY_STRING"):
		return value{foreign: true}
	case t.Kind == Variable:
		return s.values[t.Text]
	case t.Kind == Text:
		head := strings.TrimLeft(t.Text, "{ ")
		if at := inText.FindStringIndex(head); at != nil && at[0] == 0 && !t.Plain || len(list) > 2 && list[1].Is(Sign, ".") && shellOption.MatchString(t.Text) && s.lead(list[2:], depth+1).foreign {
			return value{foreign: true}
		}
		if !t.Plain && strings.HasPrefix(head, "$") && s.values[head[:1+nameLength(head[1:])]].foreign {
			return value{foreign: true}
		}
		return s.joined(list)
	case t.Is(Word, "file_get_contents") && len(list) > 2 && list[2].Kind == Text && strings.HasPrefix(list[2].Text, "php://input"):
		return value{foreign: true}
	case t.Kind == Word && len(list) > 1 && list[1].Is(Sign, "("):
		decode, found := decoders[t.Text]
		if !found {
			return value{made: t.Text == "chr"}
		}
		args, _ := s.arguments(list, 1)
		v := s.lead(args[0], depth+1)
		if t.Text == "str_replace" && len(args) == 3 { // it takes a text apart that hides a name
			v = s.lead(args[2], depth+1)
			v.known = false
		}
		if !harmless[t.Text] {
			v.hidden, v.made = true, true
		}
		if v.known && decode != nil {
			v.text, v.known = decode(v.text)
		}
		return v
	}
	return value{}
}

// joined is a text, with the texts that dots add to it.
func (s *scan) joined(list []Token) value {
	v := value{known: true, text: list[0].Text}
	for i := 1; i+1 < len(list) && list[i].Is(Sign, ".") && v.known; i += 2 {
		v.known, v.made = list[i+1].Kind == Text, true
		if v.known && len(v.text) < maxHidden {
			v.text += list[i+1].Text
		}
	}
	return v
}
