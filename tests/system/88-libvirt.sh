#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slow
#
# VMs of libvirt: one that "vm define" made, one with the pool read-only, and
# one that was there already and gets its devices while it runs.
#
#   left --- fw --- ids --- late --- right      each in a domain of libvirtd

# shellcheck source=vm.sh
. "$(dirname "$0")/vm.sh"
# shellcheck source=libvirt.sh
. "$share/libvirt.sh"

for program in virsh libvirtd virtlogd virt-xml-validate xmllint; do
    command -v "$program" > /dev/null || skip "$program is not installed"
done

chain() {
    "$prefix/sbin/ovs-chain" vm "$1" --name "$name" "${@:2}"
}

# A definition as the libvirt of this test has it.
definition() {
    virsh dumpxml --inactive "$1"
}

valid() {
    definition "$1" > "$scratch/$1.xml"
    virt-xml-validate "$scratch/$1.xml" domain
}

# A domain that knows nothing of chains but a socket: its interface is there.
# Its NF is started again until it finds its devices.
define_late() {
    printf '%s\n' '#!/bin/sh' 'until nf-forward; do sleep 1; done' \
        > "$scratch/late"
    chmod +x "$scratch/late"
    chain define late late "$scratch/late"
    virsh undefine late
    cat > "$scratch/late.xml" << END
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>late</name>
  <memory unit='MiB'>128</memory>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <vcpu current='1' cpuset='$(other_cpus)'>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>$dir/vm/vmlinux</kernel>
    <initrd>$dir/vm/late.initrd</initrd>
    <cmdline>console=ttyS0 quiet panic=-1</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact' check='none'><model>Nehalem</model></cpu>
  <devices>
    <controller type='usb' model='none'/>
    <interface type='vhostuser'>
      <source type='unix' path='$dir/vhost/late.sock' mode='server'/>
      <model type='virtio'/>
      <alias name='ua-net'/>
    </interface>
    <serial type='file'><source path='$dir/vm/late.console'/></serial>
    <memballoon model='none'/>
  </devices>
  <qemu:override>
    <qemu:device alias='ua-net'>
      <qemu:frontend>
        <qemu:property name='vectors' type='unsigned' value='0'/>
      </qemu:frontend>
    </qemu:device>
  </qemu:override>
</domain>
END
    virsh define "$scratch/late.xml"
    definition late > "$scratch/before"
}

start --libvirt
LIBVIRT_DEFAULT_URI=$(libvirt_uri)
export LIBVIRT_DEFAULT_URI
define_pool "size=64M,dir=$OVS_CHAIN_HUGE,group=+$(libvirt_gid)"
add_bridge
two_hosts options:chain-pool="$pool"
for port in fw ids late; do
    chain_port "$port" options:vhost-server-path="$dir/vhost/$port.sock"
done
ovs-vsctl set Interface ids options:chain-access=ro

chain define --cpus "$(other_cpus)" fw fw nf-forward
chain define --cpus "$(other_cpus)" ids ids nf-monitor
define_late
for domain in fw ids late; do
    ok "the definition of $domain is valid" valid "$domain"
    virsh start "$domain"
done
ok "QEMU runs as $(libvirt_uid)" \
    pgrep -u "$(libvirt_uid)" -f "guest=fw,.*$dir/vhost/fw.sock"
soon "NFs attach in the first two" attached fw ids
contains "one knows that it may only read" read-only "$dir/vm/ids.console"
is "its QEMU opened the pool so" 1 eval \
    "definition ids | grep -c 'ovs-chain.$pool,.*readonly=on'"

contains "the third is up" '^guest: up' "$dir/vm/late.console"
is "its NF found nothing" False query "port('late')['state'] == 'attached'"
doctor() {
    "$prefix/sbin/ovs-chain" doctor --name "$name" > "$scratch/doctor" || :
}
doctor
contains "doctor knows why" \
    'FAIL: guests: VM late at port late has no ivshmem device for the ring' \
    "$scratch/doctor"
contains "and that others are well" 'ok:   guests: VM fw has all' \
    "$scratch/doctor"
chain attach --live late late
ok "the definition with the port is valid" valid late
soon "the NF attaches while the VM runs" attached late
doctor
contains "so is this one now" 'ok:   guests: VM late has all' \
    "$scratch/doctor"
is "attaching again changes nothing" \
    'Nothing to change in the definition of late.' chain attach late late

chains 'left <-> fw <-> ids <-> late <-> right'
exchange left right
exchange right left
is "nothing was copied between the VMs" 0 query \
    "hop('ids', 'fw')['copied'] + hop('late', 'ids')['copied']"
ok "packets went by reference" [ "$(query \
    "hop('late', 'ids')['by_reference']")" -gt 0 ]
balanced

virsh destroy fw
virsh destroy ids
chain detach late late
ok "the definition is as it was" \
    diff "$scratch/before" <(definition late)
virsh destroy late
all_free
"$prefix/sbin/ovs-chain" stop --name "$name"
ok "no VM is left" not pgrep -f "$dir/vhost/"
ok "nor libvirt's directories" [ ! -e "$dir" ]
