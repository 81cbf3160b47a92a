package environment

import (
	"strings"
	"testing"
)

func TestParseNamesWhatPointsNowhere(t *testing.T) {
	_, err := Parse([]byte("environment: x\nhosts: [{name: A}]\nvms: [{name: V, host: B, replica: A, boot: 40s}]\n"))
	if err == nil || !strings.Contains(err.Error(), `host "B"`) {
		t.Fatalf("got %v, want host B named", err)
	}
	if _, err := Parse([]byte("environment: x\nhostz: []\n")); err == nil {
		t.Fatal("an unknown field was accepted")
	}
	e, err := Parse([]byte("environment: x\nhosts: [{name: A}, {name: B}]\nvms: [{name: V, host: A, replica: B, boot: 40s}]\n"))
	if err != nil || e.VMs[0].Boot.Seconds() != 40 {
		t.Fatalf("got %+v, %v", e, err)
	}
}
