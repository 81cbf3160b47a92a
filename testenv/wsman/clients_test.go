package wsman

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The legacy provider gives Python the MD4 that NTLM needs.
const opensslConf = `openssl_conf = init
[init]
providers = providers
[providers]
default = on
legacy = on
[on]
activate = 1
`

const pywinrmScript = `
import sys
from winrm.protocol import Protocol
from winrm.exceptions import InvalidCredentialsError
url, transport, ca = sys.argv[1:4]
def connect(password):
    return Protocol(endpoint=url, transport=transport, username='lifeboat', password=password,
        ca_trust_path=ca, message_encryption='always' if url.startswith('http:') else 'auto',
        read_timeout_sec=30, operation_timeout_sec=20)
p = connect(u'Pa55 w\u00f6rd')
shell = p.open_shell()
def run(line):
    c = p.run_command(shell, line)
    out, err, code = p.get_command_output(shell, c)
    p.cleanup_command(shell, c)
    return out, err, code
assert run('hostname') == (b'NG-HV01\r\n', b'', 0)
assert run('exit 42')[2] == 42
assert run('fail') == (b'', b'no such thing\r\n', 7)
assert len(run('big 300000')[0]) == 300000
p.close_shell(shell)
try:
    connect('wrong').open_shell()
    sys.exit('a wrong password was accepted')
except InvalidCredentialsError:
    pass
print('all good')
`

func (x *site) files(t *testing.T) (ca string, env []string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca = write("ca.pem", string(x.ca))
	return ca, append(os.Environ(), "OPENSSL_CONF="+write("openssl.cnf", opensslConf), "NO_PROXY=*", "no_proxy=*",
		"ANSIBLE_LOCALHOST_WARNING=false", "ANSIBLE_LOCAL_TEMP="+dir, "HOME="+dir, "LC_ALL=C.UTF-8")
}

func TestPywinrm(t *testing.T) {
	// Distributions install it for their own Python, which may not be the first.
	python := "/usr/bin/python3"
	if exec.Command(python, "-c", "import winrm").Run() != nil {
		t.Skip("pywinrm is not installed")
	}
	x := newSite(t, Options{})
	ca, env := x.files(t)
	for _, row := range []struct{ transport, url string }{
		{"basic", fmt.Sprintf("https://127.0.0.1:%d/wsman", x.https)},
		{"ntlm", fmt.Sprintf("https://127.0.0.1:%d/wsman", x.https)},
		{"ntlm", fmt.Sprintf("http://127.0.0.1:%d/wsman", x.http)},
	} {
		t.Run(row.transport+"/"+row.url[:5], func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, python, "-W", "ignore", "-c", pywinrmScript, row.url, row.transport, ca)
			c.Env = env
			out, err := c.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "all good") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	if n := x.server.Shells(""); n != 0 {
		t.Errorf("%d shells are left", n)
	}
}

func TestAnsibleRaw(t *testing.T) {
	ansible, err := exec.LookPath("ansible")
	if err != nil {
		t.Skip("Ansible is not installed")
	}
	x := newSite(t, Options{})
	ca, env := x.files(t)
	for _, row := range []struct {
		transport, scheme string
		port              int
	}{{"basic", "https", x.https}, {"ntlm", "http", x.http}} {
		t.Run(row.transport, func(t *testing.T) {
			inventory := filepath.Join(t.TempDir(), "hosts")
			text := fmt.Sprintf("hv01 ansible_host=127.0.0.1 ansible_port=%d ansible_connection=winrm ansible_shell_type=cmd ansible_user=lifeboat ansible_password='Pa55 wörd' ansible_winrm_scheme=%s ansible_winrm_transport=%s ansible_winrm_ca_trust_path=%s ansible_winrm_message_encryption=auto\n",
				row.port, row.scheme, row.transport, ca)
			if err := os.WriteFile(inventory, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, ansible, "hv01", "-i", inventory, "-m", "raw", "-a", "hostname")
			c.Env = env
			out, err := c.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "NG-HV01") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
