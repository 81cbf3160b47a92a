package hyperv

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// A decoder believes an answer or refuses it, never in between: what it took
// has every word that decisions rest on.

func FuzzDecodeCopies(f *testing.F) {
	f.Add(copiesJSON("", copyJSON(vmA, "")))
	f.Add(copiesJSON(`"`+vmB+`"`, copyJSON(vmA, `"x"`)))
	f.Add([]byte(`{"utc":"2026-03-01T02:03:04Z","copies":null,"missing":[]}`))
	f.Add(bytes.Replace(copiesJSON("", copyJSON(vmA, "")), []byte(`"relations":[]`), []byte(`"relations":[{"relationship":"Simple","mode":"Replica","state":"Error","initialBytes":1,"pendingBytes":0,"averageBytes":null}]`), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCopies(data)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, copy := range c.Copies {
			if copy.Power == "" || copy.Mode == "" || copy.State == "" || seen[copy.VM] || copy.Problems == nil {
				t.Fatalf("believed: %+v", copy)
			}
			seen[copy.VM] = true
		}
		if c.UTC.IsZero() || c.UTC.Location() != time.UTC {
			t.Fatalf("utc is %v", c.UTC)
		}
		again, err := json.Marshal(c)
		if err != nil {
			return // a year beyond 9999 can be read and not written
		}
		if _, err := decodeCopies(again); err != nil {
			t.Fatalf("does not come round: %v", err)
		}
	})
}

func FuzzDecodeHost(f *testing.F) {
	f.Add([]byte(`{"name":"HV","utc":"2026-03-01T02:03:04.1234567Z","os":"","version":"","memory":1,"processors":1,"supported":["9.0"],"switches":[],"replica":{"enabled":true,"auth":"Kerberos","kerberosPort":80,"certificatePort":443,"thumbprint":"","anyServer":true,"storage":"","entries":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := decodeHost(data); err == nil && (h.Name == "" || h.UTC.IsZero() || h.Supported == nil || h.Switches == nil || h.Replica.Entries == nil) {
			t.Fatalf("believed: %+v", h)
		}
	})
}

func FuzzDecodePoints(f *testing.F) {
	f.Add(pointsJSON("", pointsOf(vmA, somePoint, "")))
	f.Add(pointsJSON(`"`+vmB+`"`, pointsOf(vmA, "", `"Get-VMSnapshot: x"`)))
	f.Add([]byte(`{"vms":null,"missing":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodePoints(data)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, vm := range list.VMs {
			if _, err := guid(vm.VM); err != nil || seen[vm.VM] || vm.Points == nil || vm.Problems == nil {
				t.Fatalf("believed: %+v", vm)
			}
			seen[vm.VM] = true
			for _, p := range vm.Points {
				if _, err := guid(p.ID); err != nil || p.Type == "" || p.Created.IsZero() {
					t.Fatalf("believed: %+v", p)
				}
			}
		}
		for _, id := range list.Missing {
			if _, err := guid(id); err != nil || seen[id] {
				t.Fatalf("believed: %q is missing", id)
			}
		}
	})
}

func FuzzDecodeReplica(f *testing.F) {
	f.Add([]byte(`{"enabled":true,"auth":"Kerberos","kerberosPort":80,"certificatePort":443,"thumbprint":"","anyServer":false,"storage":"D:","entries":[{"primary":"*.x","storage":"D:","trustGroup":"dr"}]}`))
	f.Add([]byte(`{"enabled":false,"auth":"","entries":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := decodeReplica(data); err == nil && (r.Entries == nil || r.Enabled && r.Auth == "") {
			t.Fatalf("believed: %+v", r)
		}
	})
}

func FuzzDecodeAct(f *testing.F) {
	f.Add([]byte(view))
	f.Add([]byte(`{"power":"Off","mode":"Replica","state":"x","autoStart":"Nothing"}`))
	f.Add([]byte(testView(vmB)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := decodeAct(data); err == nil && (a.Power == "" || a.Mode == "" || a.State == "") {
			t.Fatalf("believed: %+v", a)
		} else if _, bad := guid(a.TestVM); err == nil && a.TestVM != "" && bad != nil {
			t.Fatalf("believed: a test VM %q", a.TestVM)
		}
	})
}

func FuzzDecodeSmall(f *testing.F) {
	f.Add([]byte(`{"ok":true}`))
	f.Add([]byte(`{"output":"x"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		link := decodeLink(data) == nil
		_, err := decodeGuest(data)
		if link && err == nil {
			t.Fatalf("%q is both answers", data)
		}
	})
}

func FuzzGUID(f *testing.F) {
	f.Add(vmA)
	f.Fuzz(func(t *testing.T, text string) {
		id, err := guid(text)
		if err != nil {
			return
		}
		if again, err := guid(id); err != nil || again != id || len(id) != 36 {
			t.Fatalf("%q became %q, then %q", text, id, again)
		}
	})
}

func FuzzDecodeOrphans(f *testing.F) {
	vm := `{"vm":"` + vmA + `","name":"DB","power":"Off","mode":"Replica","state":"Replicating","created":"2026-03-01T02:03:04Z","uptimeSec":0,"relations":[{"relationship":"Simple","primaryServer":"a","replicaServer":"b","currentReplicaServer":"b","allowedPrimary":"","lastReplication":null,"testVM":null}],"disks":[{"path":"D:\\x.vhdx","bytes":1}],"backups":[{"id":"` + vmB + `","created":"2026-03-01T02:03:04Z"}],"provider":"","problems":[]}`
	f.Add([]byte(`{"utc":"2026-03-01T02:03:04Z","name":"HV","fqdn":"hv.example","vms":[` + vm + `],"entries":[{"primary":"a","storage":"D:\\R","trustGroup":"t"}],"folders":[{"path":"D:\\R\\x","kept":true,"files":1,"bytes":2,"modified":"2026-03-01T02:03:04Z"}],"parents":["d:\\r\\base.vhdx"],"problems":[]}`))
	f.Add([]byte(`{"utc":"2026-03-01T02:03:04Z","name":"HV","fqdn":"","vms":[],"entries":[],"folders":null,"problems":[]}`))
	group := `{"id":"g1","name":"DB","owner":"HV","state":"Failed","vm":"` + vmA + `","failed":["Virtual Machine"],"others":[],"store":"C:\\ClusterStorage\\Volume1","files":0}`
	f.Add([]byte(`{"utc":"2026-03-01T02:03:04Z","name":"HV","fqdn":"","vms":[],"entries":[],"folders":[],"parents":[],"cluster":{"name":"CL","nodes":["HV","HW"],"groups":[` + group + `]},"problems":[]}`))
	f.Add([]byte(`{"utc":"2026-03-01T02:03:04Z","name":"HV","fqdn":"","vms":[],"entries":[],"folders":[],"parents":[],"cluster":{"name":"CL","nodes":[],"groups":null},"problems":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := decodeOrphans(data)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, vm := range o.VMs {
			if vm.Power == "" || vm.Mode == "" || vm.State == "" || seen[vm.VM] || vm.Relations == nil || vm.Problems == nil {
				t.Fatalf("believed: %+v", vm)
			}
			seen[vm.VM] = true
		}
		for _, f := range o.Folders {
			if f.Path == "" || f.Modified.IsZero() {
				t.Fatalf("believed: %+v", f)
			}
		}
		if o.UTC.IsZero() || o.Name == "" || o.Cluster != nil && (o.Cluster.Name == "" || len(o.Cluster.Nodes) == 0) {
			t.Fatalf("believed: %+v", o)
		}
		for i := range groupsOf(o) {
			if g := o.Cluster.Groups[i]; g.ID == "" || g.Owner == "" || g.State == "" || g.Failed == nil || g.Others == nil || g.Files < -1 || g.VM != "" && len(g.VM) != len(vmA) {
				t.Fatalf("believed: %+v", g)
			}
		}
	})
}

func groupsOf(o Orphans) []ClusterGroup {
	if o.Cluster == nil {
		return nil
	}
	return o.Cluster.Groups
}
