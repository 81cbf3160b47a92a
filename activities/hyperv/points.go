package hyperv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Points asks for the checkpoints of many VMs in one call, each VM's oldest
// first; see Point.Recovery. The answer holds every VM that told its points,
// with an empty list where there are none. The error joins one *Error for each
// VM that did not (ErrNotFound: it is not on this host), and hides none of the
// others; with another error the answer is nil. No ids is no question.
//
// Microsoft: Hyper-V module, Get-VMSnapshot.
func (h *Host) Points(ctx context.Context, ids []string) (map[string][]Point, error) {
	args, asked, err := manyVMs(ids)
	if err != nil || len(ids) == 0 {
		return map[string][]Point{}, err
	}
	var list pointList
	err = h.read(ctx, "points", "Get-LifeboatPoints", "", args, func(b []byte) (err error) {
		if list, err = decodePoints(b); err != nil {
			return err
		}
		return list.answers(asked)
	})
	if err != nil {
		return nil, err
	}
	points := make(map[string][]Point, len(list.VMs))
	var silent []error
	for _, vm := range list.VMs {
		if len(vm.Problems) == 0 {
			points[vm.VM] = vm.Points
			continue
		}
		_, id, _ := strings.Cut(vm.Problems[0], ": ")
		code, kind := classify(id, "")
		silent = append(silent, &Error{
			Op: "points", Host: h.Name(), VM: vm.VM, Code: code, Kind: kind, Err: errors.New(vm.Problems[0]), Hint: hints[kind],
		})
	}
	for _, id := range list.Missing {
		silent = append(silent, &Error{
			Op: "points", Host: h.Name(), VM: id, Kind: ErrNotFound, Err: errors.New("the host has no such VM"), Hint: hints[ErrNotFound],
		})
	}
	return points, errors.Join(silent...)
}

// pointList is one host's answer about the checkpoints of many VMs.
type pointList struct {
	VMs     []vmPoints `json:"vms"`
	Missing []string   `json:"missing"`
}

// vmPoints is the checkpoints of one VM. Problems are as those of a Copy.
type vmPoints struct {
	VM       string   `json:"vm"`
	Points   []Point  `json:"points"`
	Problems []string `json:"problems"`
}

func (l pointList) answers(asked map[string]bool) error {
	told := slices.Clone(l.Missing)
	for _, vm := range l.VMs {
		told = append(told, vm.VM)
	}
	return answered(asked, told)
}

func decodePoints(data []byte) (pointList, error) {
	var l pointList
	if err := decodeStrict(data, &l); err != nil {
		return pointList{}, err
	}
	if l.VMs == nil || l.Missing == nil {
		return pointList{}, errors.New("vms or missing is not a list")
	}
	seen := make(map[string]bool, len(l.VMs)+len(l.Missing))
	for i := range l.VMs {
		if err := settlePoints(&l.VMs[i]); err != nil {
			return pointList{}, fmt.Errorf("vms[%d]: %w", i, err)
		}
		if seen[l.VMs[i].VM] {
			return pointList{}, fmt.Errorf("vms[%d]: %s comes twice", i, l.VMs[i].VM)
		}
		seen[l.VMs[i].VM] = true
	}
	if err := settleMissing(l.Missing, seen); err != nil {
		return pointList{}, err
	}
	return l, nil
}

// settlePoints checks the points of one VM and brings ids and times to one form.
func settlePoints(vm *vmPoints) (err error) {
	if vm.VM, err = guid(vm.VM); err != nil {
		return err
	}
	if vm.Points == nil || vm.Problems == nil {
		return errors.New("points or problems is not a list")
	}
	for i := range vm.Points {
		p := &vm.Points[i]
		id, err := guid(p.ID)
		if err != nil {
			return fmt.Errorf("points[%d]: %w", i, err)
		}
		if p.Type == "" || p.Created.IsZero() {
			return fmt.Errorf("points[%d]: type or created is missing", i)
		}
		p.ID, p.Created = id, p.Created.UTC()
	}
	return nil
}
