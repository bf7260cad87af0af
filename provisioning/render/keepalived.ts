import { virtualAddresses } from '#core/config/vrrp.ts';
import { header, type Plan } from './plan.ts';
import { VIP_RUN } from './vip.ts';

/**
 * RFC 9568, 5.2.4: 255 is for who owns the address for good, which nobody does here. The higher it
 * is, the sooner a backup takes over (6.1, Skew_Time).
 */
const PRIORITY_MAX = 254;
/** Between two nodes' priorities: with adverts of 100 ms they take over 8 ms apart. */
const PRIORITY_STEP = 20;
const PRIORITY_MIN = 1;

/** keepalived.conf of a node, in keepalived's own language (keepalived.conf(5), 2.2 and later). */
export function renderKeepalived(plan: Plan, name: string): string {
  const { cluster } = plan;
  const { vrrp } = cluster;
  const balancers = cluster.nodes.filter(({ roles }) => roles.includes('balancer'));
  const own = balancers.findIndex((node) => node.name === name);
  const peers = balancers.filter((node) => node.name !== name);
  const unicast = peers.map(({ address }) => `        ${address}`).join('\n');
  const instances = virtualAddresses(cluster).map((address, index) => {
    const rank = (own - index + balancers.length * (index + 1)) % balancers.length;
    const priority = Math.max(PRIORITY_MIN, PRIORITY_MAX - PRIORITY_STEP * rank);
    const id = vrrp.routerId + index;
    return `
vrrp_instance ${address.replaceAll(/[.:]/g, '_')} {
    # Whoever has the address keeps it: coming back is no reason to move it again.
    state BACKUP
    nopreempt
    interface $INTERFACE
    virtual_router_id ${id}
    # ${rank === 0 ? 'Prefers this node' : `Prefers ${balancers[index % balancers.length]!.name}`}, where nobody has it.
    priority ${priority}
    advert_int ${vrrp.advert / 1000}
    # Three that do not come: that node is gone (RFC 9568, 6.1).
    down_timer_adverts 3
    # Stood still for that long, somebody else has it now.
    timer_expired_backup
    garp_master_delay 1
${vrrp.virtualMac ? `    use_vmac vrrp.${id}\n    vmac_xmit_base\n` : ''}${
  peers.length === 0
    ? ''
    : `    unicast_src_ip ${balancers[own]!.address}
    unicast_fault_no_peer
    unicast_peer {
${unicast}
    }
`
}    track_file {
        ${rank === 0 ? 'may_serve' : 'may_take_over'}
    }
    virtual_ipaddress {
${linkLocal(address, id)}        ${address}/${address.includes(':') ? 128 : 32}
    }
}
`;
  });
  return `${header(`keepalived of ${name}`, plan)}

# The network card that has this node's address, found by bramble-vip when it is there.
include ${VIP_RUN}/interface.conf

global_defs {
    router_id ${name}
    vrrp_version 3
    # Unicast: many home routers and access points lose multicast. Only the peers are listened to.
    vrrp_check_unicast_src
    # Gratuitous ARP: what missed the first ones hears the next.
    vrrp_garp_master_repeat 3
    vrrp_garp_master_refresh 10
    vrrp_garp_lower_prio_repeat 3
    # Whoever gives way says so, and the other announces itself once more.
    vrrp_higher_prio_send_advert true
    # Advertisements do not wait for busy services, nor for memory from a card.
    vrrp_rt_priority 50
    vrrp_rlimit_rttime 500000
    vrrp_no_swap
    # No scripts here. One that somebody adds must be root's own.
    enable_script_security
    script_user nobody
}

# bramble-vip writes 0 while this node can serve clients and is on the side of the majority, else
# 1: then it gives its addresses away at once, and takes none. After a start the second file, for
# addresses that prefer another node, says so a little later, and all have started by then.
track_file may_serve {
    file ${VIP_RUN}/fault
    weight 0
}
track_file may_take_over {
    file ${VIP_RUN}/fault-others
    weight 0
}
${instances.join('')}`;
}

/** RFC 9568, 6.1: the first address of an IPv6 virtual router is a link-local one. */
function linkLocal(address: string, id: number): string {
  return address.includes(':')
    ? `        fe80::5e00:2${id.toString(16).padStart(2, '0')}/128\n`
    : '';
}

/** What ip(8) takes the addresses away with, should keepalived die with them. */
export function renderKeepalivedRelease(plan: Plan): string {
  const { cluster } = plan;
  const addresses = virtualAddresses(cluster);
  const lines = addresses.map((address) => `address flush to ${address}`);
  if (cluster.vrrp.virtualMac) {
    lines.push(...addresses.map((_, i) => `link delete vrrp.${cluster.vrrp.routerId + i}`));
  }
  return `${header('For ip -batch, when keepalived has died: nobody else takes its addresses away', plan)}
${lines.join('\n')}
`;
}
