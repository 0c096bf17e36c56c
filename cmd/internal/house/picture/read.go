package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// room is one package.
type room struct {
	name    string   // its folder, from the top
	imports []string // the folders of our packages that it imports, sorted
	files   int
	lines   int
	arrows  map[arrow]bool
}

// arrow says that one file uses what another one declares.
type arrow struct{ from, to string }

// read reads all packages below top, without their tests, sorted by name.
func read(top string) ([]room, error) {
	module, err := moduleOf(top)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	parsed := map[string][]*ast.File{}
	err = filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, filepath.Dir(p))
		parsed[filepath.ToSlash(rel)] = append(parsed[filepath.ToSlash(rel)], f)
		return err
	})
	if err != nil {
		return nil, err
	}
	var rooms []room
	for _, name := range slices.Sorted(maps.Keys(parsed)) {
		rooms = append(rooms, roomOf(fset, module, name, parsed[name]))
	}
	return rooms, nil
}

func moduleOf(top string) (string, error) {
	text, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("find the top of the sources: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("%s: no module line", filepath.Join(top, "go.mod"))
}

func roomOf(fset *token.FileSet, module, name string, files []*ast.File) room {
	r := room{name: name, files: len(files), arrows: map[arrow]bool{}}
	ours := map[string]bool{}
	for _, f := range files {
		r.lines += fset.File(f.FileStart).LineCount()
		for _, i := range f.Imports {
			p, _ := strconv.Unquote(i.Path.Value) // the parser has seen that it is a string
			if to, ok := strings.CutPrefix(p, module+"/"); ok {
				ours[to] = true
			}
		}
	}
	r.imports = slices.Sorted(maps.Keys(ours))
	for used, object := range uses(fset, module+"/"+name, files) {
		from, to := fset.Position(used.Pos()).Filename, fset.Position(object.Pos()).Filename
		if from != to && object.Pos().IsValid() && ofPackage(object) {
			r.arrows[arrow{path.Base(from), path.Base(to)}] = true
		}
	}
	return r
}

// uses resolves the identifiers of one package. Other packages are not read: what
// comes from them stays unknown, and is no arrow inside this one.
func uses(fset *token.FileSet, name string, files []*ast.File) map[*ast.Ident]types.Object {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	c := types.Config{Importer: nothing{}, Error: func(error) {}, FakeImportC: true}
	c.Check(name, fset, files, info) // its error is what nothing leaves unknown
	return info.Uses
}

type nothing struct{}

func (nothing) Import(string) (*types.Package, error) { return nil, errors.New("not read") }

// ofPackage reports whether a file declares the object at its top: not a variable in
// a function, a parameter or a field.
func ofPackage(o types.Object) bool {
	if o.Pkg() == nil {
		return false
	}
	if f, ok := o.(*types.Func); ok && f.Signature().Recv() != nil {
		return true
	}
	return o.Parent() == o.Pkg().Scope()
}
