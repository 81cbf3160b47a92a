package lab_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// Clients that nobody here wrote ask the lab what people ask a Hyper-V host.

// opensslConf gives Python the MD4 that NTLM needs.
const opensslConf = "openssl_conf = init\n[init]\nproviders = providers\n[providers]\ndefault = on\nlegacy = on\n[on]\nactivate = 1\n"

const (
	askJSON  = "Get-VM | Select-Object Name,State | ConvertTo-Json"
	askTable = "Get-VM | Select-Object Name,State"
)

// peer is what a foreign client needs to reach the lab's first host.
type peer struct {
	host lab.Host
	ca   string
	env  []string
	dir  string
	lab  *lab.Lab
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	l := start(t, "pair", lab.Options{Speed: 60})
	x := &peer{host: l.Hosts()[0], dir: t.TempDir(), lab: l}
	x.ca = x.write(t, "ca.pem", string(l.Authority()))
	x.env = append(os.Environ(), "OPENSSL_CONF="+x.write(t, "openssl.cnf", opensslConf), "NO_PROXY=*", "no_proxy=*", "LAB_PASSWORD="+l.Password(),
		"ANSIBLE_LOCALHOST_WARNING=false", "ANSIBLE_LOCAL_TEMP="+x.dir, "HOME="+x.dir, "LC_ALL=C.UTF-8")
	return x
}

func (x *peer) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(x.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (x *peer) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Env = x.env
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// encoded is a script as powershell.exe -EncodedCommand takes it.
func encoded(script string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(script)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return "powershell.exe -NoProfile -NonInteractive -EncodedCommand " + base64.StdEncoding.EncodeToString(b)
}

const pywinrmScript = `
import json, os, sys
from winrm.protocol import Protocol
url, transport, ca, as_json, as_table = sys.argv[1:6]
p = Protocol(endpoint=url, transport=transport, username='lifeboat', password=os.environ['LAB_PASSWORD'],
    ca_trust_path=ca, message_encryption='always' if url.startswith('http:') else 'auto',
    read_timeout_sec=30, operation_timeout_sec=20)
shell = p.open_shell()
def run(line):
    c = p.run_command(shell, line)
    out, err, code = p.get_command_output(shell, c)
    p.cleanup_command(shell, c)
    assert code == 0, (line, out, err, code)
    return out.decode()
assert run('hostname') == 'HV-A\r\n'
vms = json.loads(run(as_json))
# Windows PowerShell 5.1 writes enums as numbers: Running is 2.
assert sorted((v['Name'], v['State']) for v in vms) == [('APP1', 2), ('APP2', 2), ('DB', 2)], vms
rows = [line.split() for line in run(as_table).splitlines() if line.strip()]
assert rows[0] == ['Name', 'State'] and rows[1] == ['----', '-----'], rows
assert sorted(rows[2:]) == [['APP1', 'Running'], ['APP2', 'Running'], ['DB', 'Running']], rows
p.close_shell(shell)
print('all good')
`

func TestPywinrmAsksALabHost(t *testing.T) {
	// Distributions install it for their own Python, which may not be the first.
	python := "/usr/bin/python3"
	if exec.Command(python, "-c", "import winrm").Run() != nil {
		t.Skip("pywinrm is not installed")
	}
	x := newPeer(t)
	for _, row := range []struct{ transport, url string }{
		{"basic", "https://" + x.host.HTTPS + "/wsman"},
		{"ntlm", "https://" + x.host.HTTPS + "/wsman"},
		{"ntlm", "http://" + x.host.HTTP + "/wsman"},
	} {
		t.Run(row.transport+"/"+row.url[:5], func(t *testing.T) {
			out := x.run(t, python, "-W", "ignore", "-c", pywinrmScript, row.url, row.transport, x.ca, encoded(askJSON), encoded(askTable))
			if !strings.Contains(out, "all good") {
				t.Error(out)
			}
		})
	}
}

func TestAnsibleAsksALabHost(t *testing.T) {
	ansible, err := exec.LookPath("ansible")
	if err != nil {
		t.Skip("Ansible is not installed")
	}
	x := newPeer(t)
	for _, row := range []struct{ transport, scheme, address string }{
		{"ntlm", "https", x.host.HTTPS}, {"ntlm", "http", x.host.HTTP},
	} {
		t.Run(row.transport+"/"+row.scheme, func(t *testing.T) {
			host, port, err := net.SplitHostPort(row.address)
			if err != nil {
				t.Fatal(err)
			}
			inventory := x.write(t, row.scheme, fmt.Sprintf("hv ansible_host=%s ansible_port=%s ansible_connection=winrm ansible_shell_type=cmd ansible_user=lifeboat ansible_password=%s ansible_winrm_scheme=%s ansible_winrm_transport=%s ansible_winrm_ca_trust_path=%s ansible_winrm_message_encryption=auto\n",
				host, port, x.lab.Password(), row.scheme, row.transport, x.ca))
			for question, want := range map[string][]string{
				"hostname":        {"HV-A"},
				encoded(askJSON):  {`"APP1"`, `"APP2"`, `"DB"`, `"State":`},
				encoded(askTable): {"Name State", "APP1 Running", "APP2 Running", "DB Running"},
			} {
				out := strings.Join(strings.Fields(x.run(t, ansible, "hv", "-i", inventory, "-m", "raw", "-a", question)), " ")
				for _, text := range want {
					if !strings.Contains(out, text) {
						t.Errorf("%.40s: no %q in %s", question, text, out)
					}
				}
			}
		})
	}
}
