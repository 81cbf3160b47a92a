package cmdlet

// setAdapter is Set-VMNetworkAdapter -TestReplicaSwitchName: where the adapter
// of a test VM will be connected; an empty name is nowhere.
func setAdapter(k *call) error {
	if _, ok := k.bound["TestReplicaSwitchName"]; !ok {
		return notSimulated("Set-VMNetworkAdapter without -TestReplicaSwitchName")
	}
	return k.eachCard("Name", func(c card) error {
		if err := k.host.SetTestSwitch(k.ctx, k.by, c.vm.ID, c.adapter.ID, k.text("TestReplicaSwitchName")); err != nil {
			return err
		}
		return k.giveAdapter(c)
	})
}
