package house

import (
	"go/ast"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxLines is the budget of a source file.
const maxLines = 400

func TestFilesStaySmall(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isTest() && s.lines > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it by what it is responsible for", s.name, s.lines, maxLines)
		}
	}
}

// calls visits each call of a package's function, such as time.Sleep.
func calls(s source, visit func(pkg, name string, at token.Pos)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok {
					visit(x.Name, sel.Sel.Name, call.Pos())
				}
			}
		}
		return true
	})
}

func TestNoSleep(t *testing.T) {
	for _, s := range sources(t) {
		bubble := s.isTest() && slices.Contains(s.imports(t), "testing/synctest")
		calls(s, func(pkg, name string, at token.Pos) {
			if pkg == "time" && name == "Sleep" && !bubble {
				t.Errorf("%s sleeps: wait for something instead", s.fset.Position(at))
			}
		})
	}
}

// TestNoNameIsEverLookedUp: a resolver may be had in one package alone. It is given
// names that the operator wrote, in ignoreip or in Asterisk's configuration, and
// never one out of a log; what it learns protects, and never bans.
func TestNoNameIsEverLookedUp(t *testing.T) {
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok || x.Name != "net" {
				return true
			}
			name := sel.Sel.Name
			resolver := (name == "Resolver" || name == "DefaultResolver") && s.pkg != "cmd/internal/names"
			if resolver || strings.HasPrefix(name, "Lookup") || strings.HasPrefix(name, "Resolve") && name != "Resolver" {
				t.Errorf("%s looks up a name: the one who wrote it would choose the banned address", s.fset.Position(sel.Pos()))
			}
			return true
		})
	}
}

// TestNoProgramIsStarted: a ban must not wait for one, and text must not reach
// one. go-iptables starts iptables at set-up, with a fixed argument list. It has no
// iptables-restore, which plain rules need so that many bans are one program: one file starts
// it, with a fixed argument list and lines of prefixes and numbers. Package program may, for
// the verbs of an admin; so may benches and what tests alone import.
func TestNoProgramIsStarted(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.pkg == "cmd/pbxlab" || s.pkg == "cmd/internal/lab" || s.pkg == "actions/kerneltest" || s.pkg == "cmd/internal/program" {
			continue
		}
		restores := s.pkg == "actions/xtables" && strings.HasSuffix(s.name, "/restore.go")
		calls(s, func(pkg, name string, at token.Pos) {
			if restores && pkg == "exec" && name == "Command" {
				return
			}
			if pkg == "exec" && strings.HasPrefix(name, "Command") || pkg == "os" && name == "StartProcess" {
				t.Errorf("%s starts a program", s.fset.Position(at))
			}
		})
	}
}

func TestNoShell(t *testing.T) {
	shells := []string{"sh", "bash", "/bin/sh", "/bin/bash", "sh -c"}
	for _, s := range sources(t) {
		if s.pkg == "cmd/internal/house" || s.pkg == "cmd/jailctl" { // jailctl prints completions for shells, and may not import os/exec
			continue
		}
		if s.pkg == "cmd/internal/audit/shellshock" { // it tests the shell, with texts of its own alone
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && slices.Contains(shells, text) {
					t.Errorf("%s names a shell: log text must never reach one", s.fset.Position(lit.Pos()))
				}
			}
			return true
		})
	}
}

func TestNothingStartsByItself(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init: state that no test can choose", s.fset.Position(f.Pos()))
			}
		}
	}
}

// TestTopLevel keeps the top of the tree as it was given. What make builds is in bin and dist.
func TestTopLevel(t *testing.T) {
	given := []string{"cmd", "watcher", "parsers", "actions", "jails", "configs", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
	entries, err := os.ReadDir("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if n := e.Name(); !strings.HasPrefix(n, ".") && n != "bin" && n != "dist" && !slices.Contains(given, n) {
			t.Errorf("%s is at the top level: only %s may", n, strings.Join(given, " "))
		}
	}
}
