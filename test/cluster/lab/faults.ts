import type { Lab } from './lab.ts';
import type { VirtualPi } from './virtual-pi.ts';

/** Something that takes the virtual address from the node that has it, and its mending. */
export interface Fault {
  name: string;
  act: (lab: Lab, owner: VirtualPi) => Promise<void> | void;
  mend?: (lab: Lab, owner: VirtualPi) => Promise<void> | void;
  /** It keeps the address for as long as this lasts, since nothing of it runs. */
  standsStill?: boolean;
}

const indexOf = (lab: Lab, pi: VirtualPi): number => lab.pis.indexOf(pi);

export const FAULTS: readonly Fault[] = [
  {
    name: 'kill -9 of the balancer',
    act: (_, owner) => void owner.kill('bramble-balancer'),
  },
  {
    name: 'kill -9 of keepalived',
    act: (_, owner) => void owner.kill('bramble-keepalived'),
  },
  {
    name: 'kill -9 of the judge beside it',
    act: (_, owner) => void owner.kill('bramble-vip'),
  },
  {
    name: 'the cable pulled',
    act: (_, owner) => owner.pullCable(),
    mend: (_, owner) => owner.plugCable(),
  },
  {
    name: 'cut off behind its switch',
    act: (lab, owner) => lab.split([indexOf(lab, owner)]),
    mend: (lab, owner) => lab.heal([indexOf(lab, owner)]),
  },
  {
    name: 'frozen',
    act: (_, owner) => owner.freeze(),
    mend: (_, owner) => owner.thaw(),
    standsStill: true,
  },
  {
    name: 'power off',
    act: async (lab, owner) => {
      await owner.powerOff(() => lab.owners.lose(owner));
    },
    mend: async (lab, owner) => {
      await owner.powerOn();
      await lab.owners.add(owner);
      await owner.booted();
    },
  },
];
