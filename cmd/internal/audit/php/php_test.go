package php

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	for text, want := range map[string]string{
		`html <?php echo "a b"; ?> more <?= $x ?>`:   `echo "a b" ; = $x`,
		"<?php // system($x) ?> <?php system(1);":    "system ( ) ;",
		"<?php # system()\n#[A]\nfoo /* bar */ ();":  "# [ a ] foo ( ) ;",
		`<?php $a = 'it\'s'; $$b;`:                   `$a = "it\'s" ; $ $b ;`,
		"<?php $a = <<<EOT\n system()\n  EOT;\nb();": `$a = " system()` + "\n" + `" ; b ( ) ;`,
		"<?php `id $x`":                      "`id $x`",
		`<?xml version="1"?><?php A\B::c();`: `a\b : : c ( ) ;`,
		"<?php 'open":                        `"open"`,
		"no program":                         "",
		"<?PHP Eval/**/(1);":                 "eval ( ) ;",
		"<?php \\system('x');":               `system ( "x" ) ;`,
	} {
		list, whole := Tokens(text)
		var parts []string
		for _, one := range list {
			quote := map[Kind]string{Text: `"`, Shell: "`"}[one.Kind]
			parts = append(parts, quote+one.Text+quote)
		}
		if got := strings.Join(parts, " "); got != want || !whole {
			t.Errorf("got %s of %q, want %s", got, text, want)
		}
	}
}

// TestShells: what a browser decides is found, and its honest neighbour is not.
func TestShells(t *testing.T) {
	hide := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	const sure, hidden, unsure, nothing = "sure", "hidden", "unsure", ""
	for text, want := range map[string]string{
		`<?php system($_GET['c']);`:                                                                             sure,
		`<?php @eval(stripslashes($_POST["x"]));`:                                                               sure,
		`<?php $c = $_REQUEST['cmd']; echo shell_exec($c . ' 2>&1');`:                                           sure,
		`<?php $c = isset($_REQUEST['c']) ? $_REQUEST['c'] : 'id'; system($c);`:                                 sure,
		`<?php system("$_GET[c]");`:                                                                             sure,
		`<?php system("{$_GET['c']}");`:                                                                         sure,
		`<?php $c = $_GET['c']; system("$c 2>&1");`:                                                             sure,
		"<?php echo `$_GET[c]`;":                                                                                sure,
		"<?php $c = $_POST['c']; echo `$c`;":                                                                    sure,
		`<?php $_GET['a']($_GET['b']);`:                                                                         sure,
		`<?php $f = 'sys'.'tem'; $f($_POST[0]);`:                                                                sure,
		`<?php $f = strrev('metsys'); $f($_POST[0]);`:                                                           sure,
		`<?php eval(file_get_contents('php://input'));`:                                                         sure,
		`<?php eval(base64_decode($_POST['z']));`:                                                               sure,
		`<?php eval(base64_decode('` + hide(`system($_REQUEST["cmd"]);`) + `'));`:                               sure,
		`<?php eval(str_rot13(base64_decode("` + hide(`flfgrz($_ERDHRFG["pzq"]);`) + `")));`:                    sure,
		`<?php $z='` + hide(`<?php system($_GET[1]);`) + `'; eval('?>'.base64_decode($z));`:                     sure,
		`<?php eval(base64_decode(get_part(3)));`:                                                               hidden,
		`<?php preg_replace('/x/e', $_GET['p'], 'x');`:                                                          sure,
		`<?php array_map('system', $_POST['a']);`:                                                               sure,
		`<?php call_user_func($_GET['f'], $_GET['a']);`:                                                         sure,
		`<?php file_put_contents($_GET['n'], $_POST['d']);`:                                                     sure,
		`<?php move_uploaded_file($_FILES['f']['tmp_name'], $_FILES['f']['name']);`:                             sure,
		`<?php system('bash -c '.$_GET['c']);`:                                                                  sure,
		`<?php system('asterisk -rx "channel originate Local/'.$_REQUEST['num'].'@'.$_REQUEST['context'].'"');`: sure,
		`<?php assert($_REQUEST['a']);`:                                                                         sure,
		`<?php system($_SERVER['HTTP_X_CMD']);`:                                                                 sure,
		`<?php array_filter($_POST['a'], 'system');`:                                                            sure,
		`<?php usort($_POST['a'], $_POST['f']);`:                                                                sure,
		`<?php eval('return '.$_GET['x'].';');`:                                                                 sure,
		`<?php eval(' ?>'.$_POST['x']);`:                                                                        sure,
		`<?php array_walk($_GET, 'assert');`:                                                                    sure,
		`<?php array_reduce($rows, $_COOKIE['f']);`:                                                             sure,
		`<?php preg_replace_callback('/.*/', $_GET['f'], $x);`:                                                  sure,
		`<?php eval('system($_GET["c"]);');`:                                                                    sure,
		`<?php if (is_writable($_POST['f'])) file_put_contents($_POST['f'], $_POST['d']);`:                      sure,
		`<?php if (isset($_POST['f'])) { $f = $_POST['f']; file_put_contents($f, $_POST['d']); }`:               sure,
		`<?php file_put_contents($_POST['f'], $_POST['d']); in_array($_POST['f'], $list);`:                      sure,
		`<?php if (isset($list[$_POST['g']])) file_put_contents($_POST['f'], $_POST['d']);`:                     sure,

		`<?php $f = $_POST['p'].'/'.$_POST['f']; if (isset($all[$_POST['t']][$_POST['p']]['files'][$_POST['f']])) file_put_contents($f, $_POST['d']);`: unsure,
		`<?php $f = $_REQUEST['f']; if (!in_array($f, $this->files)) return; file_put_contents($f, $_POST['d']);`:                                      unsure,
		`<?php $f = $_REQUEST['f']; if ($this->isAllowed($f)) file_put_contents($f, $_POST['d']);`:                                                     unsure,
		`<?php eval('$check_eval = '.$_POST['formula'].';');`:                                                                                          unsure,
		`<?php eval("return $_GET[x];");`: unsure,

		`<?php $p = $_POST['x']; eval('$check_eval = '.$p.';');`: unsure,

		`<?php array_filter($_POST["rows"],"strlen");`:                                  nothing,
		`<?php array_filter($_GET);`:                                                    nothing,
		`<?php usort($_POST["rows"],"strcmp"); array_walk($_POST["rows"], 'trim_one');`: nothing,
		`<?php $rows = $_POST['rows']; uasort($rows, array($this, 'compare'));`:         nothing,
		`<?php $check_eval = $_POST['x']; eval('$check_eval = '.$formula.';');`:         nothing,
		`<?php $x = '$_GET[c]'; echo $x; system('$_GET');`:                              nothing,

		`<?php // system($_GET['c']);`:                                                               nothing,
		`<?php /* eval(base64_decode('x')); */ echo 1;`:                                              nothing,
		`<?php echo "never write system(\$_GET['c'])";`:                                              nothing,
		`system($_GET['c']);`:                                                                        nothing,
		`<?php system('ls '.escapeshellarg($_GET['d']));`:                                            nothing,
		`<?php $d = escapeshellarg($_GET['d']); exec("ls $d");`:                                      nothing,
		`<?php $id = (int)$_GET['id']; exec('run');`:                                                 nothing,
		`<?php exec($amp_conf['AMPBIN'].'/retrieve_conf');`:                                          nothing,
		`<?php $db->exec($_GET['x']); Foo::system($_GET['x']);`:                                      nothing,
		`<?php function system($x) { return $_GET['x']; }`:                                           nothing,
		`<?php $p = base64_decode($_POST['p']); save($p);`:                                           nothing,
		`<?php preg_replace('/e/', $_GET['p'], 'x');`:                                                nothing,
		`<?php $f = $this->handler; $f($_REQUEST['x']);`:                                             nothing,
		`<?php move_uploaded_file($_FILES['f']['tmp_name'], $dir . basename($_FILES['f']['name']));`: nothing,
		`<?php file_put_contents('/var/lib/x', $_POST['d']);`:                                        nothing,
		`<?php array_map('trim', $_POST['a']);`:                                                      nothing,
		`<?php eval('$x = 1;');`:                                                                     nothing,
		`<?php eval(base64_decode('` + hide(`echo "hello";`) + `'));`:                                nothing,
		`<?php system('asterisk -rx "core show channels"');`:                                         nothing,
		`<?php if ($_GET['c'] == 'x') { system('id'); }`:                                             nothing,
		`<?php $x == $_GET['c']; system($x);`:                                                        nothing,
	} {
		got := nothing
		list, whole := Shells(text)
		if !whole {
			t.Errorf("%s is not read to its end", text)
		}
		for _, one := range list {
			if one.Sure {
				got = sure
			} else if got == nothing {
				got = map[bool]string{true: hidden, false: unsure}[one.Kind == Runs]
			}
		}
		if got != want {
			t.Errorf("got %q of %s, want %q", got, text, want)
		}
	}
}

// TestBomb: a text that unpacks without end is not unpacked without end.
func TestBomb(t *testing.T) {
	text := `"id"`
	for range 40 {
		text = "base64_decode(" + text + ")"
	}
	Shells("<?php eval(" + text + ");")
	for _, many := range []string{"eval(", "$a=$b[", "$a=(", "$a?$_GET:("} {
		if _, whole := Shells("<?php $_GET; " + strings.Repeat(many, 50000)); whole && many != "$a?$_GET:(" {
			t.Errorf("%s without end is read to its end", many)
		}
	}
}

func FuzzShells(f *testing.F) {
	for _, text := range []string{`<?php system($_GET['c']);`, "<?php eval(base64_decode('c3lzdGVtKCRfR0VUWzFdKTs='));", "<?php $a = <<<X\nX;\n", "<?=`$_GET[c]`?>", "<?php $f='a'.'b';$f($_POST[0]);"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		sights, _ := Shells(text)
		for _, one := range sights {
			if one.Line < 1 || one.Line > lines || one.What == "" {
				t.Errorf("got line %d of %d in %q", one.Line, lines, text)
			}
		}
		length := 0
		list, _ := Tokens(text)
		for _, one := range list {
			length += len(one.Text)
		}
		if length > len(text) {
			t.Errorf("got %d bytes of tokens from %d", length, len(text))
		}
		if found, _ := Shells("<?php /* " + strings.ReplaceAll(text, "*/", "") + " */"); len(found) > 0 {
			t.Errorf("got %v in a comment", found)
		}
	})
}
