// Package count finds the words that this project avoids in its own text. Command words
// and the tests of package house call it. It reads files only.
package count

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// avoided are the words, in the spelling that a report gives them. Forms of one word count
// as that word.
var avoided = regexp.MustCompile(`(?i)\b(?:told|nobody|whoever|whom(?:ever)?|anew|mend(?:s|ed|ing)?|stands|thereof|for[ \n\t/#]+ever)\b`)

// letters are the words of a use that goes over the end of a line of a comment.
var letters = regexp.MustCompile(`[a-z]+`)

// Use is one place where an avoided word is.
type Use struct {
	File string // slash-separated, from the top of the tree
	Line int    // from 1
	Word string // lower case
	Text string // what it is part of: a name, or the line
}

// Folder is the package or folder of the file; "." at the top.
func (u Use) Folder() string { return path.Dir(u.File) }

// Tree reads the tree at top. It leaves out testdata, hidden folders and built files.
// The uses are in the order of their files and lines.
func Tree(top string) (list []Use, err error) {
	err = filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			hidden := strings.HasPrefix(name, ".") && p != top
			if hidden || slices.Contains([]string{"testdata", "bin", "dist"}, name) {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".md", ".yaml", ".txt"}, path.Ext(name)) {
			return nil
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		uses, err := File(filepath.ToSlash(rel), text)
		list = append(list, uses...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count words in %s: %w", top, err)
	}
	return list, nil
}

// File counts in one file. Of a Go file comments, strings and declared names count, of any
// other file the whole text.
func File(name string, text []byte) ([]Use, error) {
	if path.Base(name) == "count.go" || path.Base(name) == "count_test.go" {
		return nil, nil // they spell the words
	}
	if path.Ext(name) != ".go" {
		return inText(name, string(text), 1), nil
	}
	list, err := inGo(name, text)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b Use) int { return a.Line - b.Line })
	return list, nil
}

// inText finds the words of a text that begins in a line of a file.
func inText(name, text string, line int) (list []Use) {
	for _, at := range avoided.FindAllStringIndex(text, -1) {
		begin := strings.LastIndexByte(text[:at[0]], '\n') + 1
		whole, _, _ := strings.Cut(text[begin:], "\n")
		list = append(list, Use{
			File: name, Line: line + strings.Count(text[:at[0]], "\n"),
			Word: strings.Join(letters.FindAllString(strings.ToLower(text[at[0]:at[1]]), -1), " "), Text: strings.TrimSpace(whole),
		})
	}
	return list
}

func inGo(name string, text []byte) ([]Use, error) {
	list := inTokens(name, text)
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for id := range declared(tree) {
		for _, u := range inText(name, split(id.Name), fset.Position(id.Pos()).Line) {
			u.Text = id.Name
			list = append(list, u)
		}
	}
	return list, nil
}

// inTokens reads comments and strings.
func inTokens(name string, text []byte) (list []Use) {
	fset := token.NewFileSet()
	file := fset.AddFile(name, -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	comment, from, last := "", 0, 0 // comments of one line each that follow each other are one text
	flush := func() {
		list = append(list, inText(name, comment, from)...)
		comment = ""
	}
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			flush()
			return list
		}
		line := fset.Position(pos).Line
		switch {
		case tok == token.COMMENT && comment != "" && line == last+1:
			comment, last = comment+"\n"+lit, line
		case tok == token.COMMENT:
			flush()
			comment, from, last = lit, line, line
		case tok == token.STRING:
			list = append(list, inText(name, lit, line)...)
		}
	}
}

// declared yields the names that a file gives to anything.
func declared(tree *ast.File) func(func(*ast.Ident) bool) {
	return func(yield func(*ast.Ident) bool) {
		more := true
		name := func(e ast.Expr) {
			if id, ok := e.(*ast.Ident); ok && more && id != nil {
				more = yield(id)
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch d := n.(type) {
			case *ast.FuncDecl:
				name(d.Name)
			case *ast.TypeSpec:
				name(d.Name)
			case *ast.ValueSpec:
				for _, id := range d.Names {
					name(id)
				}
			case *ast.Field:
				for _, id := range d.Names {
					name(id)
				}
			case *ast.AssignStmt:
				if d.Tok == token.DEFINE {
					for _, e := range d.Lhs {
						name(e)
					}
				}
			case *ast.RangeStmt:
				if d.Tok == token.DEFINE {
					name(d.Key)
					name(d.Value)
				}
			}
			return more
		})
	}
}

var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// split puts blanks between the words of a name.
func split(name string) string {
	return strings.ReplaceAll(hump.ReplaceAllString(name, "$1 $2"), "_", " ")
}
