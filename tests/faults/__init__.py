"""Power loss and disk errors: what each store holds afterwards."""
