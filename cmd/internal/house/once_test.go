package house

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// hinters are the errors with a hint that say more than one: what happened, where and
// what to do about it. All others are made by configs/hint.
var hinters = []string{"configs/hint", "configs", "cmd/internal/control", "jails/geoip", "cmd/internal/packetrules"}

// TestSaidOnce: what a leaf says, no room says by itself.
func TestSaidOnce(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv != nil && f.Name.Name == "Hint" && !slices.Contains(hinters, s.pkg) {
				t.Errorf("%s makes an error with a hint: configs/hint does", s.fset.Position(f.Pos()))
			}
		}
		calls(s, func(pkg, name string, at token.Pos) {
			if pkg == "strconv" && strings.HasSuffix(name, "ToASCII") && s.pkg != "configs/show" {
				t.Errorf("%s quotes text: configs/show does", s.fset.Position(at))
			}
		})
		ast.Inspect(s.file, func(n ast.Node) bool {
			if b, ok := n.(*ast.BinaryExpr); ok && b.Op == token.SUB && s.pkg != "configs/prefix" {
				if lit, ok := b.Y.(*ast.BasicLit); ok && lit.Value == "96" {
					t.Errorf("%s takes IPv4 out of IPv6: configs/prefix does", s.fset.Position(b.Pos()))
				}
			}
			return true
		})
	}
}
